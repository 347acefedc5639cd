"""A call that blocks the event loop of a test fails the test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from blockbuster import BlockingError

from tests.conftest import BlockingCalls

BLOCKING = [
    pytest.param(lambda: time.sleep(0), id="a sleep"),  # noqa: TID251
    pytest.param(lambda: Path().stat(), id="a file's state"),
    pytest.param(lambda: Path(__file__).read_bytes(), id="a file"),
]


@pytest.mark.parametrize("call", BLOCKING)
async def test_a_call_that_blocks_is_found_on_the_loop_alone(call: Callable[[], object]) -> None:
    with pytest.raises(BlockingError):
        call()
    await asyncio.to_thread(call)


@pytest.mark.parametrize("call", BLOCKING)
def test_a_loop_that_a_test_starts_itself_is_watched_too(call: Callable[[], object]) -> None:
    async def run() -> None:
        call()

    call()
    with pytest.raises(BlockingError):
        asyncio.run(run())


@pytest.mark.parametrize("call", BLOCKING)
async def test_nothing_is_found_between_tests(call: Callable[[], object], blocking_calls: BlockingCalls) -> None:
    with blocking_calls.watch():
        pass
    call()
    with blocking_calls.watch(), pytest.raises(BlockingError):
        call()
