"""What every test gets: no blocking call in an event loop goes unseen."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator

import grpc
import pytest
from blockbuster import blockbuster_ctx

from services.kit import heap
from services.language.search_terms import search_terms

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
    collection of all that held a loop under test for a second."""
    heap.settle()


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[None]:
    """Raises `BlockingError` where code under test blocks its event loop."""
    with blockbuster_ctx() as blockbuster:
        # Where lines are counted, the counter takes its own lock for the blink of an eye.
        blockbuster.functions["threading.Lock.acquire"].can_block_in("coverage/collector.py", "lock_data")
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
