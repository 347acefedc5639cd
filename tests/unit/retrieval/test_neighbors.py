from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.retrieval.domain.answering.context_window import fit
from services.retrieval.domain.search.neighbors import joined
from services.retrieval.values.chunk import Chunk, Hit, JoinedChunk, LegHit

DOCUMENT = "00000000-0000-7000-8000-000000000001"
TEXT = "Water boils.\nIce melts. Snow\n\nfalls. 水循环。蒸发🙂和降水。  The end."
PAGES = (0, 13, 13, 30)
"""Where the four pages begin; the second has no text."""
CUTS = ((0, 12), (13, 23), (24, 28), (30, 36), (37, 41), (41, 48), (50, 58))
HEADINGS = (("A",), ("A", "B"), ("A", "B"), ("A", "C"), ("A", "C"), ("A", "C"), ("D",))


def piece(ordinal: int, start: int, end: int, *, gap: str | None = None) -> Chunk:
    following = CUTS[ordinal + 1][0] if ordinal + 1 < len(CUTS) else end
    return Chunk(
        chunk_id=f"chunk {ordinal}",
        document_id=DOCUMENT,
        document_name="notes",
        ordinal=ordinal,
        text=TEXT[start:end],
        page=bisect_right(PAGES, start),
        start=start,
        end=end,
        heading_path=HEADINGS[ordinal],
        page_starts=PAGES[bisect_right(PAGES, start) : bisect_left(PAGES, end)],
        gap=TEXT[end : max(end, following)] if gap is None else gap,
    )


CHUNKS = [piece(i, *cut) for i, cut in enumerate(CUTS)]


def found(*ordinals: int, chunks: Sequence[Chunk] = CHUNKS) -> list[Hit]:
    return [Hit(chunks[i], 1.0 - rank / 10, (LegHit("words", rank, 9.0 - rank),)) for rank, i in enumerate(ordinals, 1)]


def test_neighbors_are_one_slice_at_the_place_of_the_best() -> None:
    first, second = joined(found(4, 0, 3, 1))
    assert (first.chunk.text, first.chunk.start, first.chunk.end) == (TEXT[30:41], 30, 41)
    assert (first.chunk.page, first.chunk.heading_path, first.score) == (4, ("A", "C"), 0.9)
    assert (second.chunk.text, second.chunk.heading_path, second.score) == (TEXT[0:23], ("A",), 0.8)
    assert (second.chunk.page, second.chunk.page_starts, second.chunk.page_at(13)) == (1, (13, 13), 3)


def test_a_chunk_between_two_passages_ties_them() -> None:
    (whole,) = joined(found(0, 2, 1))
    assert isinstance(whole.chunk, JoinedChunk)
    assert whole.chunk.text == TEXT[0:28]
    assert [part.chunk_id for part in whole.chunk.parts] == ["chunk 0", "chunk 1", "chunk 2"]


def test_each_leg_keeps_its_best_rank_and_the_nearest_its_cosine() -> None:
    far, near = found(0, 1)
    far = replace(far, legs=(LegHit("vector", 1, 0.8), LegHit("words", 7, 2.0)), similarity=0.8, embedding_model="m")
    near = replace(near, legs=(LegHit("words", 2, 5.0), LegHit("graph", 4, 0.1)))
    (one,) = joined([far, near])
    assert one.legs == (LegHit("vector", 1, 0.8), LegHit("words", 2, 5.0), LegHit("graph", 4, 0.1))
    assert (one.score, one.similarity, one.embedding_model) == (far.score, 0.8, "m")


def test_a_quote_names_the_chunk_in_which_it_starts() -> None:
    (one,) = joined(found(1, 0, 2))
    expected = {"boils": 0, "Ice melts.": 1, "Snow": 2, "melts. Snow": 1}
    for quote, ordinal in expected.items():
        start = one.chunk.text.index(quote)
        source = one.chunk.source(start, start + len(quote))
        assert (source.quote, source.chunk_id, TEXT[source.start : source.end]) == (quote, f"chunk {ordinal}", quote)
    assert one.chunk.source().chunk_id == "chunk 0"


def test_what_overlaps_is_joined_once_and_only_where_the_texts_agree() -> None:
    wide, inner = piece(0, 0, 28, gap=""), piece(1, 13, 23)
    later = piece(2, 20, 36)
    (one,) = joined([Hit(chunk, 1.0) for chunk in (later, wide, inner)])
    assert one.chunk.text == TEXT[0:36]
    assert (one.chunk.page_starts, one.chunk.last_page) == ((13, 13, 30), 4)
    other = replace(later, text="x" * len(later.text))
    assert len(joined([Hit(wide, 1.0), Hit(other, 0.9)])) == 2


@pytest.mark.parametrize(
    "other",
    [
        replace(CHUNKS[1], document_id="00000000-0000-7000-8000-000000000002"),
        replace(CHUNKS[1], ordinal=2),
        replace(CHUNKS[1], page=0, page_starts=()),
        CHUNKS[2],
    ],
    ids=["another document", "not the next one", "other pages", "a chunk is missing"],
)
def test_what_is_no_neighbor_stays_apart(other: Chunk) -> None:
    hits = [Hit(CHUNKS[0], 1.0), Hit(other, 0.9)]
    assert joined(hits) == hits


def test_chunks_stay_apart_where_the_white_space_is_not_known_or_the_passage_would_be_long() -> None:
    hits = [Hit(replace(CHUNKS[0], gap=""), 1.0), Hit(CHUNKS[1], 0.9)]
    assert joined(hits) == hits
    outside = [Hit(replace(CHUNKS[i], document_id=""), 1.0) for i in (0, 1)]
    assert joined(outside) == outside
    words = [replace(CHUNKS[i], text="word " * 500, start=i * 2500, end=(i + 1) * 2500, gap="") for i in (0, 1)]
    assert len(joined([Hit(chunk, 1.0) for chunk in words])) == 2


def test_whatever_is_found_stays_an_exact_slice_and_nothing_is_lost() -> None:
    draw = random.Random(7)  # noqa: S311 - repeatable on purpose
    for _ in range(300):
        ordinals = draw.sample(range(len(CHUNKS)), draw.randint(1, len(CHUNKS)))
        passages = joined(found(*ordinals))
        for hit in passages:
            chunk = hit.chunk
            assert chunk.text == TEXT[chunk.start : chunk.end]
            for offset in range(chunk.start, chunk.end):
                if not TEXT[offset].isspace():
                    assert chunk.page_at(offset) == bisect_right(PAGES, offset)
        held = [part.chunk_id for hit in passages for part in getattr(hit.chunk, "parts", (hit.chunk,))]
        assert sorted(held) == sorted(f"chunk {i}" for i in ordinals)
        assert passages[0].score == 0.9
        runs = {i - rank for rank, i in enumerate(sorted(ordinals))}
        assert len(passages) == len(runs)


def test_a_passage_that_is_cut_to_fit_stays_a_slice() -> None:
    whole = joined(found(0, 1, 2))
    fitting = [hit.chunk for tokens in range(200, 260) for hit in fit("?", whole, tokens, 0)]
    assert {len(chunk.text) for chunk in fitting} >= {12, 28}
    for chunk in fitting:
        assert chunk.text == TEXT[chunk.start : chunk.end]
        assert chunk.source(0, 5).chunk_id == "chunk 0"
