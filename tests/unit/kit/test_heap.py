"""The garbage collector passes over what a process started with."""

from __future__ import annotations

import gc

import pytest

from services.kit import heap


@pytest.fixture(scope="module")
def settled() -> None:
    # Once: it walks all that the tests imported.
    # From where Python starts: the tests themselves run settled (tests/conftest.py), and do so again from here on.
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
    heap.settle()


@pytest.mark.usefixtures("settled")
def test_a_full_collection_walks_only_what_came_later() -> None:
    assert gc.get_freeze_count() > 10_000  # pytest and all that it imported.
    assert len(gc.get_objects()) < 1_000


@pytest.mark.usefixtures("settled")
def test_garbage_that_comes_later_is_collected() -> None:
    gc.collect()
    ring: list[object] = []
    ring.append(ring)
    del ring
    assert gc.collect() >= 1


@pytest.mark.usefixtures("settled")
def test_what_lives_as_long_as_a_stream_is_not_looked_through_again_and_again() -> None:
    gc.collect()
    before = gc.get_stats()[0]["collections"]
    alive: list[list[object]] = [[] for _ in range(2_000)]
    assert gc.get_stats()[0]["collections"] - before <= 1
    assert len(alive) == 2_000


@pytest.mark.usefixtures("settled")
def test_what_a_thousand_streams_hold_is_looked_through_in_parts() -> None:
    gc.collect()
    looked_through: list[int] = []

    def look(phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            looked_through.append(sum(len(gc.get_objects(young)) for young in range(about["generation"] + 1)))

    gc.callbacks.append(look)
    try:
        alive: list[list[object]] = [[] for _ in range(100_000)]
    finally:
        gc.callbacks.remove(look)
    assert len(looked_through) > 10
    assert max(looked_through) < 20_000
    assert len(alive) == 100_000
