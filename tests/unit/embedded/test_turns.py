"""Reads go before writes, and writes get their share all the same. Times are milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.embedded.qdrant_server.turns import Job, ReadsFirst


class Clock:
    """Time that passes only while a job works; who worked when is noted."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[str] = []

    def job(self, name: str, slices: int, milliseconds: float) -> Job:
        """Return a job of some slices, each of which takes so long."""

        def work() -> Iterator[None]:
            for number in range(slices):
                self.now += milliseconds / 1000
                self.done.append(name)
                if number + 1 < slices:
                    yield

        return work()  # type: ignore[return-value]  # A generator without a result.


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def given(clock: Clock) -> ReadsFirst:
    return ReadsFirst(lambda: clock.now)


def take_all(given: ReadsFirst) -> None:
    while given:
        given.take()


def test_a_read_that_comes_between_two_slices_of_a_write_is_answered_before_the_next(
    clock: Clock, given: ReadsFirst
) -> None:
    given.write(clock.job("write", 3, 1.0))
    given.take()
    given.read(clock.job("read", 2, 1.0))
    take_all(given)
    assert clock.done == ["write", "read", "read", "write", "write"]


def test_reads_take_turns(clock: Clock, given: ReadsFirst) -> None:
    given.read(clock.job("large", 3, 1.0))
    given.read(clock.job("small", 1, 1.0))
    take_all(given)
    assert clock.done == ["large", "small", "large", "large"]


@pytest.mark.parametrize("read", [0.5, 3.0, 10.0])
def test_a_write_gets_a_fifth_of_the_time_beside_reads_without_end_and_half_once_it_is_late(
    clock: Clock, given: ReadsFirst, read: float
) -> None:
    given.write(clock.job("write", 10_000, 2.0))
    given.read(clock.job("read", 10_000, read))
    while clock.now < 0.05:
        given.take()
    assert 8 <= 2.0 * clock.done.count("write") <= 16
    begun = clock.done.count("write")
    while clock.now < 1.05:
        given.take()
    assert 450 <= 2.0 * (clock.done.count("write") - begun) <= 550


def test_a_late_write_gets_no_more_while_reads_pile_up(clock: Clock, given: ReadsFirst) -> None:
    given.write(clock.job("write", 10_000, 2.0))
    for _ in range(20):
        given.read(clock.job("read", 10_000, 10.0))
    while clock.now < 1.0:
        given.take()
    assert 150 <= 2.0 * clock.done.count("write") <= 250


def test_a_read_that_took_very_long_costs_the_next_one_little(clock: Clock, given: ReadsFirst) -> None:
    given.write(clock.job("write", 1_000, 2.0))
    given.take()
    given.read(clock.job("slow", 1, 400.0))
    given.read(clock.job("next", 1, 2.0))
    take_all(given)
    assert clock.done.index("next") - clock.done.index("slow") <= 12


def test_writes_are_done_in_the_order_in_which_they_came(clock: Clock, given: ReadsFirst) -> None:
    for name in ("first", "second"):
        given.write(clock.job(name, 2, 1.0))
    take_all(given)
    assert clock.done == ["first", "first", "second", "second"]


def test_the_next_write_waits_behind_reads_like_the_next_slice_of_one(clock: Clock, given: ReadsFirst) -> None:
    given.write(clock.job("first", 1, 1.0))
    given.take()
    given.read(clock.job("read", 3, 1.0))
    given.write(clock.job("second", 1, 1.0))
    take_all(given)
    assert clock.done == ["first", "read", "read", "read", "second"]
