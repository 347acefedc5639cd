from __future__ import annotations

from services.retrieval.domain.search.diversity import diversified
from tests.unit.retrieval.fakes import hit

LIGHT = "Photosynthesis turns light into sugar in the chloroplast."
TEXTS = [LIGHT, LIGHT + " Always.", "Respiration releases energy from sugar.", "水循环包括蒸发和降水。"]
HITS = [hit(text, i) for i, text in enumerate(TEXTS)]


async def test_what_says_the_same_comes_later() -> None:
    found = await diversified(HITS, 0.5, 4)
    assert [h.chunk.ordinal for h in found] == [0, 2, 1, 3]
    assert [h.chunk.ordinal for h in await diversified(HITS, 0.5, 2)] == [0, 2]


async def test_the_best_comes_first_and_without_diversity_nothing_moves() -> None:
    assert [h.chunk.ordinal for h in await diversified(HITS, 0.0, 3)] == [0, 1, 2]
    assert (await diversified(HITS, 1.0, 1))[0] == HITS[0]


async def test_nothing_and_passages_without_words() -> None:
    assert await diversified([], 0.5, 3) == []
    blank = [hit("…", 0), hit("…", 1)]
    assert await diversified(blank, 0.5, 3) == blank
