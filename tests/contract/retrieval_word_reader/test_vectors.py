"""Reading words in a worker process, on the loop and in a thread gives the same vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.kit.workers import WorkerPool
from services.retrieval.adapters.workers.fake import FakeWordReader
from services.retrieval.adapters.workers.pooled import PooledWordReader, warm_words
from services.retrieval.domain.search.bm25 import passage_vectors
from services.retrieval.ports import WordReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = ["光合作用在葉綠體中進行。", "The cell and its nucleus", ""]
BOOK = [f"{number} {text}" for number in range(200) for text in PAGE]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fake", "pooled"])
async def reader(request: pytest.FixtureRequest) -> AsyncIterator[WordReader]:
    warm_words()
    if request.param == "fake":
        yield FakeWordReader()
        return
    async with WorkerPool(1, warm_words) as pool:
        yield PooledWordReader(pool)


@pytest.mark.parametrize("texts", [PAGE, BOOK, []], ids=["page", "book", "nothing"])
async def test_it_reads_what_the_domain_reads(reader: WordReader, texts: list[str]) -> None:
    assert await reader.vectors(texts) == passage_vectors(texts)


async def test_a_page_starts_no_process_and_a_book_does() -> None:
    async with WorkerPool(1, warm_words) as pool:
        reader = PooledWordReader(pool)
        await reader.vectors(PAGE)
        assert not _started(pool)
        await reader.vectors(BOOK)
        assert _started(pool)


def _started(pool: WorkerPool) -> bool:
    return any(worker.pids for worker in pool._all)
