"""Finding mentions in a worker process and in a thread finds the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.kit.workers import WorkerPool
from services.retrieval.adapters.workers.fake import FakeMentionFinder
from services.retrieval.adapters.workers.pooled import PooledMentionFinder, warm
from services.retrieval.domain.graph.located import located
from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.ports import MentionFinder
from services.retrieval.values.chunk import Chunk

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = ("光合作用（photosynthesis）在叶绿体中进行。", "The World Health Organization (WHO) was founded in 1948.")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fake", "pooled"])
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


async def test_an_answer_is_checked_as_the_domain_checks_it(finder: MentionFinder) -> None:
    answer = {"entities": [{"name": "叶绿体", "kind": "term", "quote": "在叶绿体中进行"}], "relations": []}
    found = await finder.located(answer, TEXTS[0])
    assert found == located(answer, TEXTS[0])
    assert "叶绿体" in {mention.surface for mention in found.mentions}


async def test_an_answer_that_does_not_stand_in_the_text_is_refused(finder: MentionFinder) -> None:
    answer = {"entities": [{"name": "x", "kind": "term", "quote": "Nothing of the kind."}]}
    with pytest.raises(ValueError, match="none of its quotes"):
        await finder.located(answer, TEXTS[0])
