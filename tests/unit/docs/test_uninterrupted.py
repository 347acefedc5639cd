"""A call that a cancellation waits for."""

from __future__ import annotations

import asyncio

import pytest

from services.docs.domain.concurrency import run_to_end


async def test_the_result_or_the_error_comes_back() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    assert await run_to_end(asyncio.sleep(0, "result")) == "result"
    with pytest.raises(ValueError, match="broken"):
        await run_to_end(fail())


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancellation_waits_for_the_end(fails: bool) -> None:
    go_on, ended = asyncio.Event(), False

    async def call() -> None:
        nonlocal ended
        await go_on.wait()
        ended = True
        if fails:
            raise ValueError("broken")

    task = asyncio.ensure_future(run_to_end(call()))
    for _ in range(2):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended
