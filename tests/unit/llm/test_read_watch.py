"""A read of a stream ends at its instant, and at no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from services.kit.errors import DeadlineExceeded
from services.llm.domain.read_watch import ReadWatch


async def _paced(*waits: float) -> AsyncGenerator[int, None]:
    for number, wait in enumerate(waits):
        await asyncio.sleep(wait)
        yield number


async def _read(watch: ReadWatch, stream: AsyncGenerator[int, None], seconds: float) -> int:
    watch.here()
    watch.start(asyncio.get_running_loop().time() + seconds)
    item = await anext(stream)
    watch.stop()
    return item


async def test_a_stream_that_keeps_its_time_is_read_to_its_end() -> None:
    with ReadWatch("p") as watch:
        async with aclosing(_paced(0, 0.01, 0, 0.01)) as stream:
            assert [await _read(watch, stream, 5) for _ in range(4)] == [0, 1, 2, 3]


async def test_a_read_that_takes_too_long_is_a_timeout_and_no_cancellation() -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        async with aclosing(_paced(0, 60)) as stream:
            with ReadWatch("p") as watch:
                assert await _read(watch, stream, 60) == 0
                await _read(watch, stream, 0.02)
    assert caught.value.reason == "PROVIDER_TIMEOUT"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_the_consumers_own_time_does_not_count() -> None:
    with ReadWatch("p") as watch:
        async with aclosing(_paced(0, 0, 0)) as stream:
            for _ in range(3):
                await _read(watch, stream, 0.02)
                await asyncio.sleep(0.04)


async def test_many_short_reads_are_longer_together_than_one_may_be() -> None:
    with ReadWatch("p") as watch:
        async with aclosing(_paced(*[0.06] * 10)) as stream:
            for _ in range(10):
                await _read(watch, stream, 0.5)


@pytest.mark.parametrize("expired", [False, True])
async def test_a_cancellation_from_outside_stays_one(expired: bool) -> None:
    async def read() -> None:
        async with aclosing(_paced(60)) as stream:
            with ReadWatch("p") as watch:
                await _read(watch, stream, 0.05)

    task = asyncio.create_task(read())
    await asyncio.sleep(0.01)
    if expired:
        # At the same instant as the watch.
        asyncio.get_running_loop().call_later(0.04, task.cancel)
        await asyncio.wait([task])
        assert task.cancelled() or isinstance(task.exception(), DeadlineExceeded)
        return
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_next_reader_may_be_another_task() -> None:
    with pytest.raises(DeadlineExceeded):
        async with aclosing(_paced(0, 60)) as stream:
            with ReadWatch("p") as watch:
                assert await asyncio.create_task(_read(watch, stream, 60)) == 0
                await _read(watch, stream, 0.02)
