"""What is read first: sentences of the passages as they stand there, the likeliest to answer, and then the rest."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from services.language.tokens import estimate_tokens
from services.retrieval.domain.answering.first_reading import in_parts, whole
from services.retrieval.values.answer import Portion
from services.retrieval.values.chunk import Chunk
from tests.unit.retrieval.fakes import chunk

ENGLISH = (
    "The harbor lies in the north. Its lighthouse was built by Edna Moss in 1872. It is made of granite.",
    "Ships bring coal to the harbor. Ferries leave at noon. The market opens early. Fish is sold there.",
    "The town has two schools. The older one was founded in 1790. A library stands beside it.",
)
CHINESE = (
    "港口在北方。灯塔由莫斯于一八七二年建造。塔身是花岗岩。",
    "船把煤运到港口。渡轮中午离开。市场很早开门。那里卖鱼。",
    "镇上有两所学校。老的那所建于一七九〇年。旁边有一座图书馆。",
)


def passages(texts: Sequence[str]) -> list[Chunk]:
    return [chunk(text, number) for number, text in enumerate(texts)]


def read(part: Sequence[Portion]) -> str:
    return "\n".join(f"[{portion.number}] {portion.text}" for portion in part)


@pytest.mark.parametrize(
    ("question", "texts", "number", "held"),
    [
        ("Who built the lighthouse?", ENGLISH, 1, "Edna Moss"),
        ("When do ferries leave?", ENGLISH, 2, "noon"),
        ("In which year was the older school founded?", ENGLISH, 3, "1790"),
        ("谁建造了灯塔？", CHINESE, 1, "莫斯"),
        ("渡轮什么时候离开？", CHINESE, 2, "中午"),
        ("老的那所学校建于哪一年？", CHINESE, 3, "一七九〇"),
    ],
)
def test_what_fits_the_question_is_read_first(question: str, texts: Sequence[str], number: int, held: str) -> None:
    first, rest = in_parts(question, passages(texts), 75)
    assert held in next(portion.text for portion in first if portion.number == number)
    assert held not in read(rest)


@pytest.mark.parametrize("texts", [ENGLISH, CHINESE])
@pytest.mark.parametrize("tokens", range(0, 160, 10))
def test_both_parts_are_all_sentences_each_once_and_in_order(texts: Sequence[str], tokens: int) -> None:
    parts = in_parts("Who built the lighthouse 灯塔?", passages(texts), tokens)
    assert 1 <= len(parts) <= 2
    for part in parts:
        assert [portion.number for portion in part] == sorted({portion.number for portion in part})
        for portion in part:
            pieces = portion.text.split(" … ")
            places = [texts[portion.number - 1].index(piece) for piece in pieces]
            assert places == sorted(places)
    for number, text in enumerate(texts, start=1):
        told = [portion.text for part in parts for portion in part if portion.number == number]
        assert sorted("".join(told).replace(" … ", "").replace(" ", "")) == sorted(text.replace(" ", ""))


@pytest.mark.parametrize("tokens", [60, 75, 90, 110])
def test_the_first_part_costs_no_more_than_there_is_time_for(tokens: int) -> None:
    question = "Who built the lighthouse?"
    first, _ = in_parts(question, passages(ENGLISH), tokens)
    assert estimate_tokens(read(first)) + estimate_tokens(question) <= tokens


def test_where_there_is_time_for_all_all_is_read_at_once() -> None:
    found = passages(ENGLISH)
    assert in_parts("Who built the lighthouse?", found, 1000) == [whole(found)]
    assert read(whole(found)).startswith("[1] The harbor lies in the north.")


@pytest.mark.parametrize("tokens", [-100, 0, 1])
def test_one_sentence_is_read_however_slow_a_model_is(tokens: int) -> None:
    first, rest = in_parts("Who built the lighthouse?", passages(ENGLISH), tokens)
    assert [portion.number for portion in first] == [1]
    assert len(rest) == 3


def test_a_sentence_alone_is_not_cut() -> None:
    assert in_parts("What is it?", passages(["One sentence that is far too long."]), 1) == [
        [Portion(1, "One sentence that is far too long.")]
    ]


def test_what_stands_side_by_side_stays_so() -> None:
    text = "Alpha was a ship. It sailed\nto the north. Beta was another. Gamma and Alpha met."
    first, _ = in_parts("What became of Alpha, the ship that sailed?", passages([text, "Nothing. Else."]), 60)
    assert first[0].text.startswith("Alpha was a ship. It sailed\nto the north.")


def test_a_neighbor_of_what_fits_goes_before_a_stranger() -> None:
    texts = ["The bridge is old. It was built by Rolf Ahn. Trees line the road.", "Cows graze. Birds sing."]
    first, _ = in_parts("Who built the bridge?", passages(texts), 50)
    assert "Rolf Ahn" in first[0].text


def test_where_no_word_is_shared_the_first_passages_go_first() -> None:
    first, _ = in_parts("谁建造了灯塔？", passages(ENGLISH), 50)
    assert first[0].number == 1


@pytest.mark.parametrize("seed", range(20))
def test_any_text_is_read_whole_in_the_end(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - texts, not secrets
    letters = "ab 光 .。!?\n…[1]"
    texts = ["".join(draw.choices(letters, k=draw.randint(1, 200))) + "z" for _ in range(draw.randint(1, 6))]
    parts = in_parts("ab 光?", passages(texts), draw.randint(0, 300))
    assert 1 <= len(parts) <= 2
    for number, text in enumerate(texts, start=1):
        told = "".join(portion.text for part in parts for portion in part if portion.number == number)
        kept = [c for c in told if not c.isspace() and c != "…"]
        assert sorted(kept) == sorted(c for c in text if not c.isspace() and c != "…")


def test_what_says_no_more_than_the_question_is_not_read_first() -> None:
    texts = ["本课关键词。蒸腾。下渗。蒸发。", "水由液态变为气态。蒸腾：植物通过叶片上的气孔散发水汽。海洋很大。"]
    first, _ = in_parts("蒸腾是什么？", passages(texts), 30)
    assert ["气孔" in portion.text for portion in first] == [True]
