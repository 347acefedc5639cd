"""Reads go before writes, and writes get their share all the same."""

from __future__ import annotations

from collections.abc import Iterator

from services.embedded.qdrant_server.turns import Job, Turns


class Clock:
    """Time that passes only while a job works; who worked when is noted."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[str] = []

    def job(self, name: str, slices: int, seconds: float) -> Job:
        """Return a job of some slices, each of which takes so long."""

        def work() -> Iterator[None]:
            for number in range(slices):
                self.now += seconds
                self.done.append(name)
                if number + 1 < slices:
                    yield

        return work()  # type: ignore[return-value]  # A generator without a result.


def take_all(given: Turns) -> None:
    while given:
        given.take()


def test_a_read_that_comes_between_two_slices_of_a_write_is_answered_before_the_next() -> None:
    clock = Clock()
    given = Turns(lambda: clock.now)
    given.write(clock.job("write", 3, 1.0))
    given.take()
    given.read(clock.job("read", 2, 1.0))
    take_all(given)
    assert clock.done == ["write", "read", "read", "write", "write"]


def test_reads_take_turns() -> None:
    clock = Clock()
    given = Turns(lambda: clock.now)
    given.read(clock.job("large", 3, 1.0))
    given.read(clock.job("small", 1, 1.0))
    take_all(given)
    assert clock.done == ["large", "small", "large", "large"]


def test_a_write_gets_a_fifth_of_the_time_beside_reads_without_end() -> None:
    clock = Clock()
    given = Turns(lambda: clock.now)
    given.write(clock.job("write", 20, 1.0))
    given.read(clock.job("read", 10_000, 0.5))
    for _ in range(90):
        given.take()
    assert 8 <= clock.done.count("write") <= 12
    assert given


def test_the_next_write_waits_behind_reads_like_the_next_slice_of_one() -> None:
    clock = Clock()
    given = Turns(lambda: clock.now)
    given.write(clock.job("first", 1, 1.0))
    given.take()
    given.read(clock.job("read", 3, 1.0))
    given.write(clock.job("second", 1, 1.0))
    take_all(given)
    assert clock.done == ["first", "read", "read", "read", "second"]
