"""Which budgets a call counts to, and which period of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from services.llm.values.spending import Account, Budget, Caller, Limit, Period, Scope

_BEGINNING = date(1970, 1, 1)
_MOST_REMEMBERED = 4096


def limits_of(budgets: Sequence[Budget], caller: Caller, model: str, today: date) -> list[Limit]:
    """Return the limits that hold for a call on a day in UTC.

    A budget that names its user, key, organization or model takes the place of the one for each of them in the same
    period. A caller without a name in some scope has no budget there.
    """
    names = {
        Scope.ALL: "",
        Scope.ORGANIZATION: caller.organization,
        Scope.KEY: caller.key,
        Scope.USER: caller.user,
        Scope.MODEL: model,
    }
    found: dict[tuple[Scope, Period], Limit] = {}
    for budget in sorted(budgets, key=lambda budget: bool(budget.name)):
        name = names[budget.scope]
        if (name or budget.scope is Scope.ALL) and budget.name in ("", name):
            account = Account(budget.scope, name, budget.period, _first_day(budget.period, today))
            found[budget.scope, budget.period] = Limit(account, budget.limit_nanos)
    return list(found.values())


class RememberedLimits:
    """The limits of callers that come again and again, as long as budgets and day are the same."""

    def __init__(self) -> None:
        self._budgets: Sequence[Budget] = ()
        self._today = _BEGINNING
        self._found: dict[tuple[Caller, str], tuple[Limit, ...]] = {}

    def of(self, budgets: Sequence[Budget], caller: Caller, model: str, today: date) -> tuple[Limit, ...]:
        """Return what `limits_of` does."""
        if budgets is not self._budgets or today != self._today or len(self._found) >= _MOST_REMEMBERED:
            self._budgets, self._today = budgets, today
            self._found.clear()
        limits = self._found.get((caller, model))
        if limits is None:
            limits = self._found[caller, model] = tuple(limits_of(budgets, caller, model, today))
        return limits


def seconds_until_renewed(account: Account, now: datetime) -> float | None:
    """Return after how many seconds an account's budget begins anew; None for never."""
    match account.period:
        case Period.DAY:
            following = account.starts + timedelta(days=1)
        case Period.MONTH:
            following = (account.starts + timedelta(days=31)).replace(day=1)
        case Period.TOTAL:
            return None
    return max(0.0, (datetime.combine(following, time(), UTC) - now).total_seconds())


def _first_day(period: Period, today: date) -> date:
    match period:
        case Period.DAY:
            return today
        case Period.MONTH:
            return today.replace(day=1)
        case Period.TOTAL:
            return _BEGINNING
