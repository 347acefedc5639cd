from __future__ import annotations

import time
from bisect import bisect_right
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.docs.adapters.parsers.builder import DocumentBuilder
from services.docs.domain.indexing.chunking import chunk
from services.docs.values.parsed_document import BlockKind, ChunkSettings, ParsedChunk, ParsedDocument, ParseLimits
from services.language.tokens import estimate_tokens
from tests.properties import examples

ZH = "叶绿体是光合作用的场所，类囊体膜上分布着吸收光能的色素。"
EN = "The chloroplast is the place of photosynthesis, and pigments absorb the light. "


def document(*blocks: tuple[BlockKind, str] | tuple[BlockKind, str, int] | None) -> ParsedDocument:
    """A document of the given blocks; None begins a page."""
    builder = DocumentBuilder(ParseLimits())
    for block in blocks:
        if block is None:
            builder.begin_page()
        else:
            builder.add(*block)
    return builder.finish()


def heading(text: str, level: int = 1) -> tuple[BlockKind, str, int]:
    return BlockKind.HEADING, text, level


def paragraph(text: str) -> tuple[BlockKind, str]:
    return BlockKind.PARAGRAPH, text


def check(parsed: ParsedDocument, chunks: list[ParsedChunk], settings: ChunkSettings) -> None:
    """What holds for the chunks of any document."""
    assert [piece.ordinal for piece in chunks] == list(range(len(chunks)))
    assert all(piece.text == parsed.text[piece.start : piece.end] for piece in chunks)
    assert all(piece.text.strip() == piece.text != "" for piece in chunks)
    assert all(estimate_tokens(piece.text) <= settings.max_tokens + 1e-6 for piece in chunks)
    covered: set[int] = set()
    for piece in chunks:
        covered.update(range(piece.start, piece.end))
        assert piece.page == parsed.page_at(piece.start)
        for offset in range(piece.start, piece.end):
            assert piece.page + bisect_right(piece.page_starts, offset) == parsed.page_at(offset)
        assert all(piece.start < offset < piece.end for offset in piece.page_starts)
    assert all(parsed.text[index].isspace() for index in set(range(len(parsed.text))) - covered)
    for before, after in pairwise(chunks):
        assert before.end < after.end
        assert before.end <= after.start
        assert before.gap == (parsed.text[before.end : after.start] if after.start - before.end <= 64 else "")
    assert not chunks or chunks[-1].gap == ""


def last_page(parsed: ParsedDocument, piece: ParsedChunk) -> int:
    return parsed.page_at(piece.end - 1)


BLOCKS = st.lists(
    st.one_of(
        st.tuples(st.just(BlockKind.HEADING), st.text("标题 Head12", min_size=1, max_size=12), st.integers(1, 4)),
        st.tuples(
            st.sampled_from([kind for kind in BlockKind if kind is not BlockKind.HEADING]),
            st.lists(
                st.sampled_from([ZH, EN, "短。", "a | b\n", "长" * 150, "x" * 700, "1.5; ", "e\u0301 🙂 "]), max_size=14
            ).map("".join),
        ),
        st.none(),
    ),
    min_size=1,
    max_size=14,
).filter(lambda blocks: any(block is not None and block[1].strip() for block in blocks))

SETTINGS = st.builds(
    lambda low, middle, high: ChunkSettings(middle, high, low),
    st.integers(0, 30),
    st.integers(30, 200),
    st.integers(200, 400),
)


@examples(2)
@given(BLOCKS, SETTINGS)
def test_any_document(blocks: list[tuple[BlockKind, str] | None], chunk_settings: ChunkSettings) -> None:
    parsed = document(*blocks)
    chunks = chunk(parsed, chunk_settings)
    check(parsed, chunks, chunk_settings)
    assert chunk(parsed, chunk_settings) == chunks


def test_sections_stay_apart_and_carry_their_headings() -> None:
    parsed = document(
        heading("生物"),
        heading("第一章", 2),
        paragraph(ZH * 8),
        heading("1.1 色素", 3),
        paragraph(ZH * 8),
        heading("第二章", 2),
        paragraph(ZH * 8),
    )
    chunks = chunk(parsed)
    assert [piece.heading_path for piece in chunks] == [
        ("生物", "第一章"),
        ("生物", "第一章", "1.1 色素"),
        ("生物", "第二章"),
    ]
    assert chunks[0].text.startswith("生物\n\n第一章\n\n")
    assert chunks[2].text.startswith("第二章\n\n")


def test_a_new_heading_ends_the_path_of_its_level() -> None:
    parsed = document(heading("A"), heading("B", 3), paragraph(EN * 12), heading("C", 2), paragraph(EN * 12))
    assert [piece.heading_path for piece in chunk(parsed)] == [("A", "B"), ("A", "C")]


@pytest.mark.parametrize(
    "lead_in",
    [
        ("By Ada King",),
        ("2.5 kg of water were heated", "3.14 is close to pi"),
        ("作者：王小明", "二〇二四年三月"),
        ("Draft of 3 May, for the class of 9b only.",),
    ],
)
def test_some_lines_above_the_first_heading_do_not_take_it_from_the_chunk(lead_in: tuple[str, ...]) -> None:
    lines = [paragraph(line) for line in lead_in]
    (piece,) = chunk(document(*lines, heading("Heating"), paragraph("The pan was put on the stove.")))
    assert piece.heading_path == ("Heating",)
    assert piece.text.startswith(lead_in[0])


def test_a_text_above_the_first_heading_has_none() -> None:
    chunks = chunk(document(paragraph(EN * 6), heading("Heating", 2), paragraph("The pan was put on the stove.")))
    assert chunks[0].heading_path == ()
    assert chunk(document(paragraph("By Ada King")))[0].heading_path == ()


def test_no_heading_is_left_at_the_end_of_a_chunk() -> None:
    blocks = [item for number in range(20) for item in (heading(f"H{number}", 2), paragraph(EN * 4))]
    for piece in chunk(document(*blocks)):
        assert not piece.text.splitlines()[-1].startswith("H")


def test_long_paragraphs_are_cut_between_sentences() -> None:
    for sentence, end in ((ZH, "。"), (EN, ".")):
        parsed = document(paragraph(sentence * 60))
        chunks = chunk(parsed)
        assert len(chunks) > 3
        assert all(piece.text.endswith(end) for piece in chunks)
        sizes = [estimate_tokens(piece.text) for piece in chunks]
        assert all(150 <= size <= 300 for size in sizes), sizes


def test_no_tiny_tail() -> None:
    settings = ChunkSettings()
    for sentences in range(1, 60):
        chunks = chunk(document(paragraph(EN * sentences)), settings)
        assert len(chunks) == 1 or min(estimate_tokens(piece.text) for piece in chunks) >= settings.min_tokens


def test_tiny_slides_share_a_chunk_and_full_ones_do_not() -> None:
    tiny = [item for number in range(6) for item in (None, heading(f"Slide {number}", 2), paragraph("Ten words."))]
    parsed = document(*tiny)
    chunks = chunk(parsed)
    assert len(chunks) < 6
    assert (chunks[0].page, last_page(parsed, chunks[-1])) == (1, 6)
    full = [item for number in range(6) for item in (None, heading(f"Slide {number}", 2), paragraph(EN * 6))]
    parsed = document(*full)
    assert [(piece.page, last_page(parsed, piece)) for piece in chunk(parsed)] == [(n, n) for n in range(1, 7)]


def test_a_table_stays_whole_when_it_fits_and_is_cut_between_rows_when_not() -> None:
    row = "chloroplast | place of photosynthesis"
    small = "\n".join([row] * 10)
    parsed = document(paragraph(EN * 14), (BlockKind.TABLE, small), paragraph(EN * 14))
    assert sum(small in piece.text for piece in chunk(parsed)) == 1
    large = document((BlockKind.TABLE, "\n".join([row] * 100)))
    chunks = chunk(large)
    assert len(chunks) > 1
    assert {line for piece in chunks for line in piece.text.split("\n")} == {row}


def test_a_sentence_without_pauses_is_still_bounded() -> None:
    settings = ChunkSettings(target_tokens=30, max_tokens=50, min_tokens=5)
    for text in ("长" * 1000, "x" * 5000, "a," * 1000, "word " * 500):
        parsed = document(paragraph(text))
        check(parsed, chunk(parsed, settings), settings)


def test_pages_of_a_chunk_that_spans_them() -> None:
    builder = DocumentBuilder(ParseLimits())
    builder.begin_page()
    builder.add_across_pages(BlockKind.PARAGRAPH, [EN * 2, "and " + EN])
    parsed = builder.finish()
    (only,) = chunk(parsed)
    assert (only.page, last_page(parsed, only)) == (1, 2)
    assert only.page_starts == parsed.page_starts[1:]
    assert parsed.text[parsed.page_starts[1] :].startswith("and The")


def test_notes_at_a_pages_foot_do_not_part_a_sentence() -> None:
    settings = ChunkSettings(target_tokens=150, max_tokens=300, min_tokens=30)
    note = BlockKind.NOTE, "1 参见年鉴第三卷，其中有较为详细的讨论和统计资料。"
    begun = paragraph(ZH * 5 + "后来的研究又说明，阳光照到叶片上的时候，这些色素把")
    parsed = document(None, begun, note, note, note, None, paragraph("光能交给叶绿体，水分子随之分解。" + ZH * 4))
    chunks = chunk(parsed, settings)
    check(parsed, chunks, settings)
    assert len(chunks) > 1
    assert any("色素把" in piece.text and "光能交给叶绿体" in piece.text for piece in chunks)


def test_a_page_without_text_begins_where_the_next_one_does() -> None:
    parsed = document(None, paragraph(EN * 2), None, None, paragraph(EN))
    (only,) = chunk(parsed)
    assert (only.page, last_page(parsed, only)) == (1, 3)
    assert only.page_starts == (parsed.text.rindex(EN.strip()),) * 2


@pytest.mark.parametrize(
    "sizes", [(100, 50, 10), (10, 380, 40), (220, 380, -1), (4, 6, 2)], ids=["target", "min", "negative", "small"]
)
def test_impossible_settings(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="tokens"):
        ChunkSettings(*sizes)


def test_many_tiny_lines_take_linear_time() -> None:
    took = []
    for lines in (1_000, 8_000):
        parsed = document(*[paragraph("a")] * lines)
        begin = time.thread_time()
        chunks = chunk(parsed)
        took.append(time.thread_time() - begin)
        assert lines / 96 <= len(chunks) <= lines / 30
    # Eight times as many lines; quadratic time would be 64 times as much.
    assert took[1] < 20 * took[0]


@pytest.mark.parametrize(
    ("first", "between", "second"),
    [
        (EN * 3 + "A leaf that has been kept in the", None, "dark for a week holds no starch. " + EN * 3),
        (EN * 3 + "Of all gases the leaf takes in", (BlockKind.CAPTION, "Figure 3: a leaf"), "one alone. " + EN * 3),
        (EN * 3 + "Roots take up water,", (BlockKind.TABLE, "a | b\nc | d"), "Which rises in the stem. " + EN * 3),
        (ZH * 6 + "把一片在暗处放了一个星期的叶子取下来用碘液检验", None, "可以看到它不变蓝，说明没有淀粉。" + ZH * 6),
    ],
)
def test_no_chunk_ends_where_a_sentence_goes_on_in_a_later_paragraph(
    first: str, between: tuple[BlockKind, str] | None, second: str
) -> None:
    blocks = [paragraph(first), *([between] if between else []), paragraph(second)]
    parsed = document(*blocks)
    settings = ChunkSettings(target_tokens=60, max_tokens=130, min_tokens=10)
    pieces = chunk(parsed, settings)
    check(parsed, pieces, settings)
    assert len(pieces) >= 2
    border = parsed.text.index(second[:12])
    assert not any(piece.end == len(first) or piece.start == border for piece in pieces)


def test_a_list_without_full_stops_is_cut_between_its_items() -> None:
    items = [(BlockKind.LIST_ITEM, f"Plant number {number} of the garden in the yard", 1) for number in range(40)]
    pieces = chunk(document(*items), ChunkSettings(60, 130, 10))
    assert len(pieces) > 5
    assert all(piece.text.endswith("yard") for piece in pieces)


@pytest.mark.parametrize(
    "stanza",
    [
        "Tyger Tyger, burning bright,\nIn the forests of the night,\nWhat immortal hand,\nCould frame thy symmetry?",
        "The king rode out at break of day,\nWith all his men,\nAnd none knew the reason of\nThe silence they made.",
        "我们在黄昏时分走过那座年代久远的石桥，\n听见河水在桥下缓缓地流过，\n仿佛在诉说一个谁也不记得的故事。",
    ],
)
def test_a_chunk_does_not_end_at_a_line_within_a_sentence(stanza: str) -> None:
    parsed = document(paragraph("\n".join([stanza] * 40)))
    chunks = chunk(parsed)
    check(parsed, chunks, ChunkSettings())
    assert len(chunks) > 2
    assert all(piece.text.endswith(stanza.splitlines()[-1]) for piece in chunks)
