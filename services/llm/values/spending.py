"""Who spends, what budgets allow, and what calls have cost; money is in nano-units of the installation's currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.common.values import TokenUsage

AHEAD_SHARE: Final = 50
"""What is reserved ahead of calls, with all that is reserved before, is at most this part of what is left."""


class Scope(StrEnum):
    """What a budget is for."""

    ALL = "all"
    ORGANIZATION = "organization"
    KEY = "key"
    USER = "user"
    MODEL = "model"


class Period(StrEnum):
    """After which time a budget begins anew, in UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a call is made; what is not known is empty."""

    user: str
    key: str = ""
    organization: str = ""


class Budget(BaseModel):
    """What may be spent in a period; with an empty `name`, by each user, key, organization or model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: Scope
    name: str = ""
    period: Period
    limit_nanos: Annotated[int, Field(ge=0, lt=2**62)]

    @model_validator(mode="after")
    def _all_have_no_name(self) -> Self:
        if self.scope is Scope.ALL and self.name:
            raise ValueError("name: a budget of all calls has none")
        return self


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """Where the spending of one budget in one period adds up; `starts` is the period's first day."""

    scope: Scope
    name: str
    period: Period
    starts: date


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that an account may come to."""

    account: Account
    limit_nanos: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """Money that is set aside for a call in all of its accounts."""

    nanos: int


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A call was refused: the account of `limit` has less left than the call may cost at least."""

    limit: Limit
    left_nanos: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has come to, and what is set aside for calls under way."""

    spent_nanos: int = 0
    reserved_nanos: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """What spending is reported by."""

    day: date
    """In UTC, the day on which the calls ended."""
    caller: Caller
    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Spending:
    """What calls came to."""

    calls: int = 0
    """Calls that ended, well or not."""
    failed: int = 0
    cancelled: int = 0
    estimated: int = 0
    """Calls whose provider did not say what it counted, so that their tokens are an estimate."""
    tokens: TokenUsage = field(default_factory=TokenUsage)
    cost_nanos: int = 0

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            self.calls + other.calls,
            self.failed + other.failed,
            self.cancelled + other.cancelled,
            self.estimated + other.estimated,
            self.tokens + other.tokens,
            self.cost_nanos + other.cost_nanos,
        )


@dataclass(frozen=True, slots=True)
class Charge:
    """What calls have cost that had money under one id: it goes to the accounts, the rest is given back."""

    call_id: str
    accounts: Sequence[Account]
    cost_nanos: int
    kept_nanos: int = 0
    """What stays reserved under the id."""
