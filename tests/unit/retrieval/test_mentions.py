"""What passages add to the graph without a model."""

from __future__ import annotations

import pytest

from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.values.chunk import Chunk
from services.retrieval.values.graph import ChunkPlace, Contribution

ENGLISH = (
    "Photosynthesis takes place in the chloroplast. Chloroplasts hold chlorophyll.\n"
    "The World Health Organization (WHO) met Melvin Calvin in 1961. Chloroplasts are green."
)
CHINESE = "光合作用（photosynthesis）在叶绿体中进行。世界卫生组织（WHO）成立于1948年4月7日。叶绿体含有叶绿素。"


def chunk(text: str, number: int = 0, start: int = 0) -> Chunk:
    return Chunk(f"chunk-{number}", "document", "notes", number, text, 3, start, start + len(text))


def read(*texts: str) -> Contribution:
    starts = [sum(map(len, texts[:i])) for i in range(len(texts))]
    return find_mentions([chunk(text, i, start) for i, (text, start) in enumerate(zip(texts, starts, strict=True))])


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, f"{CHINESE}\n\n{ENGLISH}", "## 光合作用\n\n- ATP\n- 水"])
def test_every_mention_is_a_slice_of_the_document_and_of_its_sentence(text: str) -> None:
    before = "开头。"
    whole = before + text
    found = find_mentions([chunk(before, 0), chunk(text, 1, len(before))])
    assert found.mentions
    for mention in found.mentions:
        quote = mention.quote
        assert whole[mention.start : mention.end] == mention.surface
        assert whole[quote.start : quote.end] == quote.quote
        assert quote.start <= mention.start < mention.end <= quote.end
        assert (quote.document_id, quote.page) == ("document", 3)
        assert mention.key
    assert len({mention.mention_id for mention in found.mentions}) == len(found.mentions)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (ENGLISH, {"photosynthesis", "chloroplast", "worldhealthorganization", "WHO", "melvincalvin", "1961"}),
        (CHINESE, {"光合作用", "photosynthesis", "叶绿体", "世界卫生组织", "WHO", "1948年4月7日"}),
    ],
)
def test_names_of_one_thing_have_one_key(text: str, keys: set[str]) -> None:
    assert keys <= {mention.key for mention in read(text).mentions}


def test_the_plural_and_the_capital_of_a_sentence_make_no_other_entity() -> None:
    surfaces = {mention.surface for mention in read(ENGLISH).mentions if mention.key == "chloroplast"}
    assert surfaces == {"chloroplast", "Chloroplasts"}


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (ENGLISH, {("World Health Organization", "WHO")}),
        (CHINESE, {("光合作用", "photosynthesis"), ("世界卫生组织", "WHO")}),
    ],
)
def test_alias_statements_carry_their_sentence_and_are_among_the_mentions(
    text: str, pairs: set[tuple[str, str]]
) -> None:
    found = read(text)
    assert {(alias.first.surface, alias.second.surface) for alias in found.aliases} == pairs
    for alias in found.aliases:
        assert alias.quote == alias.first.quote == alias.second.quote
        assert alias.first in found.mentions
        assert alias.second in found.mentions


def test_a_name_of_which_a_part_was_found_is_there_as_a_whole() -> None:
    found = read("光反应产生三磷酸腺苷（ATP）。")
    assert "三磷酸腺苷" in {mention.surface for mention in found.mentions}
    assert "磷酸腺苷" not in {mention.surface for mention in found.mentions}


def test_mentions_of_one_sentence_have_equal_quotes_and_are_disjoint() -> None:
    found = read(ENGLISH, CHINESE)
    for one in found.mentions:
        for other in found.mentions:
            if one is not other and one.quote == other.quote:
                assert one.end <= other.start or other.end <= one.start


def test_all_chunks_are_named_with_or_without_a_mention() -> None:
    assert read("。", CHINESE).chunks == (ChunkPlace("chunk-0", "document", 0), ChunkPlace("chunk-1", "document", 1))
    assert find_mentions([]) == Contribution()


def test_what_one_sentence_adds_is_bounded() -> None:
    crowded = "、".join(f"第{i}种叶绿素{chr(0x4E00 + 7 * i)}酶" for i in range(100)) + "。"
    assert len(read(crowded).mentions) <= 32
    assert not read("Chloroplast " * 200).mentions


@pytest.mark.parametrize(
    ("text", "names", "none"),
    [
        ("The Calvin cycle fixes carbon. Melvin Calvin found it.", {"Calvin cycle", "Melvin Calvin"}, {"Calvin"}),
        ("Then Calvin slept. It was Calvin who won.", {"Calvin"}, set()),
        ("He read **The** Bible. If you read The, you may stop.", {"Bible"}, {"The"}),
        ("- On: it says that much. (He is old.) It asks: “Whether” it is?", set(), {"On", "He", "Whether"}),
        ("The German language is old. There are German cars in Norman times.", {"German language"}, set()),
        ("Wall Street is long.", {"Wall Street"}, {"Wall", "Street"}),
    ],
)
def test_the_longest_name_is_taken_and_a_capital_by_place_makes_none(
    text: str, names: set[str], none: set[str]
) -> None:
    found = {mention.surface for mention in read(text).mentions}
    assert names <= found
    assert not none & found
