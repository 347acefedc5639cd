"""The account of crashes: forgiven by time, spent by too many at once, with longer and longer waits."""

from __future__ import annotations

import pytest

from services.kit.restarts import CRASHES, WINDOW_SECONDS, CrashBudget


class _Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _budget(clock: _Clock, **options: float) -> CrashBudget:
    return CrashBudget(clock=clock, uniform=lambda _low, _high: 1.0, **options)  # type: ignore[arg-type]


def test_four_falls_are_allowed_and_the_fifth_is_not() -> None:
    budget = _budget(_Clock())
    assert [budget.crash() for _ in range(CRASHES)] == [True, True, True, True, False]


def test_a_fall_is_forgiven_when_the_window_has_passed() -> None:
    clock = _Clock()
    budget = _budget(clock)
    for _ in range(CRASHES - 1):
        assert budget.crash()
        clock.now += 1
    clock.now += WINDOW_SECONDS - 3  # The first two have left the window.
    assert budget.count == 2
    assert [budget.crash() for _ in range(3)] == [True, True, False]


def test_one_fall_a_month_never_spends_it() -> None:
    clock = _Clock()
    budget = _budget(clock)
    for _ in range(50):
        assert budget.crash()
        assert budget.delay() == pytest.approx(0.2)
        clock.now += 30 * 24 * 3600


def test_waits_double_up_to_ten_seconds() -> None:
    budget = _budget(_Clock(), crashes=100)
    waits = []
    for _ in range(9):
        budget.crash()
        waits.append(budget.delay())
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0])


def test_waits_differ_by_a_quarter_at_most() -> None:
    budget = CrashBudget(clock=_Clock())
    budget.crash()
    waits = {budget.delay() for _ in range(200)}
    assert 0.15 <= min(waits) < max(waits) <= 0.25
    assert len(waits) > 100


def test_it_is_told_in_words() -> None:
    budget = _budget(_Clock())
    budget.crash()
    budget.crash()
    assert budget.describe() == "2 crashes within 10 minutes"
