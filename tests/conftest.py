"""What every test gets: no blocking call in an event loop goes unseen."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Self

import grpc
import pytest
from blockbuster import BlockBuster

from services.kit import heap
from services.kit.qdrant_messages import without_client_library
from services.language.search_terms import search_terms

# Most tests that name Qdrant's messages need no more of its library, which takes a second to import in each process.
without_client_library()

pytest_plugins = ["tests.engines", "tests.properties", "tests.sharing"]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collects tests without the garbage collector, which would walk all that was imported again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Keeps what the tests imported out of the collector's way, as a service does with what it starts with: a full
    collection of all that held a loop under test for a second. Here that one is spared as well."""
    gc.freeze()
    gc.set_threshold(heap.YOUNG, heap.MIDDLE, heap.OLD)


class BlockingCalls:
    """Finds calls that block an event loop, from `watch` to the end of its block.

    Functions are exchanged once for all tests: to exchange them for each took a fifth of what a short test takes.
    """

    def __init__(self) -> None:
        self._watching = False
        self._blockbuster = BlockBuster()
        for function in self._blockbuster.functions.values():
            function.can_block_predicate = partial(self._may_block, function.can_block_predicate)
        # Where lines are counted, the counter takes its own lock for the blink of an eye.
        self._blockbuster.functions["threading.Lock.acquire"].can_block_in("coverage/collector.py", "lock_data")

    @contextmanager
    def found(self) -> Iterator[Self]:
        """Exchange the functions for a block."""
        self._blockbuster.activate()
        try:
            yield self
        finally:
            self._blockbuster.deactivate()

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Raise `BlockingError` for each call of a block that blocks its event loop."""
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    def _may_block(self, may_block: Callable[..., bool], *args: object, **named: object) -> bool:
        return not self._watching or may_block(*args, **named)


@pytest.fixture(scope="session")
def blocking_calls() -> Iterator[BlockingCalls]:
    """What finds blocking calls in all tests."""
    with BlockingCalls().found() as calls:
        yield calls


@pytest.fixture(autouse=True)
def no_blocking_calls(blocking_calls: BlockingCalls) -> Iterator[None]:
    """Raises `BlockingError` where code under test blocks its event loop."""
    with blocking_calls.watch():
        yield


@pytest.fixture(autouse=True, scope="session")
def grpc_stays_up() -> Iterator[None]:
    """Keeps grpc.aio's polling thread: its end, with the last channel of a test, would block the loop."""
    grpc.aio.init_grpc_aio()  # type: ignore[attr-defined]  # Not in the stubs.
    yield
    grpc.aio.shutdown_grpc_aio()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True, scope="session")
def dictionaries() -> None:
    """Reads the dictionaries that the first Chinese text needs, as the retrieval service does before it serves."""
    search_terms("詞")
