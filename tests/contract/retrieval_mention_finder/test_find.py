"""Finding mentions in a worker process and in a thread finds the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.kit.workers import WorkerPool
from services.retrieval.adapters.workers.fake import FakeMentionFinder
from services.retrieval.adapters.workers.pooled import PooledMentionFinder, warm
from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.ports import MentionFinder
from services.retrieval.values.chunk import Chunk

TEXTS = ("光合作用（photosynthesis）在叶绿体中进行。", "The World Health Organization (WHO) was founded in 1948.")


@pytest.fixture(params=["fake", "pooled"])
async def finder(request: pytest.FixtureRequest) -> AsyncIterator[MentionFinder]:
    if request.param == "fake":
        yield FakeMentionFinder()
        return
    async with WorkerPool(1, warm) as pool:
        yield PooledMentionFinder(pool, timeout=60)


async def test_it_finds_what_the_domain_finds(finder: MentionFinder) -> None:
    chunks = [Chunk(str(i), "d", "notes", i, text, 0, 0, len(text)) for i, text in enumerate(TEXTS)]
    found = await finder.find(chunks)
    assert found == find_mentions(chunks)
    assert len(found.aliases) == 2


async def test_nothing_adds_nothing(finder: MentionFinder) -> None:
    assert not (await finder.find([])).mentions
