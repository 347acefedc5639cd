"""Which budgets a call counts to."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.llm.domain.budgets import RememberedLimits, limits_of, seconds_until_renewed
from services.llm.values.spending import Account, Budget, Caller, Limit, Period, Scope

TODAY = date(2026, 12, 31)
ANN = Caller("ann", key="bot", organization="school")


def test_each_scope_has_an_account_of_its_own() -> None:
    budgets = [
        Budget(scope=scope, name="", period=Period.DAY, limit_nanos=number) for number, scope in enumerate(Scope)
    ]
    found = {
        limit.account.scope: (limit.account.name, limit.limit_nanos) for limit in limits_of(budgets, ANN, "m", TODAY)
    }
    assert found == {
        Scope.ALL: ("", 0),
        Scope.ORGANIZATION: ("school", 1),
        Scope.KEY: ("bot", 2),
        Scope.USER: ("ann", 3),
        Scope.MODEL: ("m", 4),
    }


@pytest.mark.parametrize("turned", [False, True])
def test_a_named_budget_replaces_that_of_each(turned: bool) -> None:
    budgets = [
        Budget(scope=Scope.USER, name="ann", period=Period.DAY, limit_nanos=5),
        Budget(scope=Scope.USER, name="", period=Period.DAY, limit_nanos=1),
    ]
    budgets.append(Budget(scope=Scope.USER, name="", period=Period.MONTH, limit_nanos=20))
    found = limits_of(budgets[::-1] if turned else budgets, ANN, "m", TODAY)
    assert {(limit.account.period, limit.limit_nanos) for limit in found} == {(Period.DAY, 5), (Period.MONTH, 20)}
    found = limits_of(budgets, Caller("bob"), "m", TODAY)
    assert {(limit.account.name, limit.limit_nanos) for limit in found} == {("bob", 1), ("bob", 20)}


def test_who_has_no_name_in_a_scope_has_no_budget_there() -> None:
    budgets = [
        Budget(scope=Scope.KEY, name="", period=Period.DAY, limit_nanos=5),
        Budget(scope=Scope.ORGANIZATION, name="other", period=Period.DAY, limit_nanos=1),
    ]
    assert limits_of(budgets, Caller("ann", organization="school"), "m", TODAY) == []


@pytest.mark.parametrize(
    ("period", "starts", "seconds"),
    [
        (Period.DAY, TODAY, 3600.0),
        (Period.MONTH, date(2026, 12, 1), 3600.0),
        (Period.TOTAL, date(1970, 1, 1), None),
    ],
)
def test_a_period_begins_in_utc(period: Period, starts: date, seconds: float | None) -> None:
    (limit,) = limits_of([Budget(scope=Scope.ALL, name="", period=period, limit_nanos=9)], ANN, "m", TODAY)
    assert limit == Limit(Account(Scope.ALL, "", period, starts), 9)
    assert seconds_until_renewed(limit.account, datetime(2026, 12, 31, 23, tzinfo=UTC)) == seconds


def test_remembered_limits_follow_the_caller_the_budgets_and_the_day() -> None:
    remembered, tomorrow = RememberedLimits(), date(2027, 1, 1)
    first = (Budget(scope=Scope.USER, name="", period=Period.DAY, limit_nanos=5),)
    second = (*first, Budget(scope=Scope.MODEL, name="m", period=Period.MONTH, limit_nanos=9))
    for budgets, day in ((first, TODAY), (second, TODAY), (second, tomorrow), (first, tomorrow), ((), tomorrow)):
        for caller, model in ((ANN, "m"), (Caller("bob"), "m"), (ANN, "n"), (ANN, "m")):
            assert remembered.of(budgets, caller, model, day) == tuple(limits_of(budgets, caller, model, day))
