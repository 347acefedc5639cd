"""What every splitter of texts owes the domain: one in this process, and one in worker processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.exercises.adapters.workers.fake import FakeMaterialWorker
from services.exercises.adapters.workers.pooled import PooledMaterialWorker
from services.exercises.ports import MaterialWorker
from services.kit.errors import DeadlineExceeded, InvalidArgument
from services.kit.workers import WorkerPool
from services.language.folding import normalize
from tests.unit.exercises.fakes import material
from tests.waiting import at_once

LONG = "\r\n\r\n".join(f"{number}. {material('en')}\u200b" for number in range(20))


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fake", "pooled"])
async def splitter(request: pytest.FixtureRequest) -> AsyncIterator[MaterialWorker]:
    """A splitter of one kind."""
    if request.param == "fake":
        yield FakeMaterialWorker()
        return
    async with WorkerPool(1) as pool:
        yield PooledMaterialWorker(pool, timeout=30)


@pytest.mark.parametrize("text", ["One sentence.", material("zh"), LONG], ids=["short", "Chinese", "long"])
async def test_passages_are_slices_of_the_normal_form_in_order_and_lose_no_letter(
    splitter: MaterialWorker, text: str
) -> None:
    normal = normalize(text)
    passages = await splitter.split(text)
    end = 0
    for passage in passages:
        assert passage.text == normal[passage.start : passage.start + len(passage.text)]
        assert not any(map(str.isalpha, normal[end : passage.start]))
        end = passage.start + len(passage.text)
    assert not any(map(str.isalpha, normal[end:]))
    assert len(passages) > 1 or len(text) < 1000


@pytest.mark.parametrize("text", ["", " \n", "-- !", "…" * 5000], ids=["empty", "blank", "marks", "long"])
async def test_a_text_without_letters_is_refused_by_its_field(splitter: MaterialWorker, text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await splitter.split(text)
    assert refused.value.reason == "EMPTY_TEXT"
    assert [violation.field for violation in refused.value.violations] == ["text"]


async def test_a_worker_that_takes_too_long_is_left_and_replaced() -> None:
    async with WorkerPool(1) as pool:
        with pytest.raises(DeadlineExceeded):
            await PooledMaterialWorker(pool, timeout=0.001).split(LONG)
        assert await PooledMaterialWorker(pool, timeout=30).split(LONG)


async def test_a_caller_that_leaves_waits_for_no_worker() -> None:
    async with WorkerPool(1) as pool:
        splitter = PooledMaterialWorker(pool, timeout=30)
        splitting = asyncio.create_task(splitter.split(LONG * 5))
        await asyncio.sleep(0.05)
        async with at_once():
            splitting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await splitting
        assert await splitter.split(LONG)
