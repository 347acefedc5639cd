"""Spending in the memory of one process: gone when it ends, and unknown to others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from services.llm.values.spending import (
    AHEAD_SHARE,
    Account,
    Balance,
    Charge,
    Exhausted,
    Limit,
    Line,
    Reserved,
    Spending,
)


class MemorySpendingStore:
    """What an installation without a database counts in."""

    def __init__(self) -> None:
        self.began: datetime | None = datetime.now(UTC)
        self._spent: dict[Account, int] = {}
        self._reservations: dict[str, tuple[Sequence[Account], int, float]] = {}
        self._spending: dict[Line, Spending] = {}
        self._written = ""

    async def reserve(
        self,
        call_id: str,
        limits: Sequence[Limit],
        least_nanos: int,
        most_nanos: int,
        seconds: float,
        ahead_nanos: int = 0,
    ) -> Reserved | Exhausted:
        """See `SpendingStore`."""
        self._give_back_expired()
        balances = await self.balances([limit.account for limit in limits])
        rests = [
            limit.limit_nanos - balance.spent_nanos - balance.reserved_nanos
            for limit, balance in zip(limits, balances, strict=True)
        ]
        left, place = min((rest, place) for place, rest in enumerate(rests))
        if left < least_nanos:
            return Exhausted(limits[place], left)
        nanos, now = min(most_nanos, left), asyncio.get_running_loop().time()
        spare = min(rest - AHEAD_SHARE * held.reserved_nanos for rest, held in zip(rests, balances, strict=True))
        ahead = min(ahead_nanos, (spare - nanos) // AHEAD_SHARE)
        if ahead >= nanos:
            nanos += ahead
        self._reservations[call_id] = [limit.account for limit in limits], nanos, now + seconds
        return Reserved(nanos)

    async def write(self, batch_id: str, spending: Mapping[Line, Spending], charges: Sequence[Charge]) -> None:
        """See `SpendingStore`."""
        if batch_id == self._written:
            return
        self._written = batch_id
        for line, spent in spending.items():
            self._spending[line] = self._spending.get(line, Spending()) + spent
        for charge in charges:
            held = self._reservations.pop(charge.call_id, None)
            if held and charge.kept_nanos:
                self._reservations[charge.call_id] = held[0], charge.kept_nanos, held[2]
            for account in charge.accounts:
                self._spent[account] = self._spent.get(account, 0) + charge.cost_nanos

    async def spending(self, first: date, last: date) -> Mapping[Line, Spending]:
        """See `SpendingStore`."""
        return {line: spent for line, spent in self._spending.items() if first <= line.day <= last}

    async def balances(self, accounts: Sequence[Account]) -> Sequence[Balance]:
        """See `SpendingStore`."""
        reserved = dict.fromkeys(accounts, 0)
        for held, nanos, _ in self._reservations.values():
            for account in reserved.keys() & set(held):
                reserved[account] += nanos
        return [Balance(self._spent.get(account, 0), reserved[account]) for account in accounts]

    def _give_back_expired(self) -> None:
        now = asyncio.get_running_loop().time()
        for call_id in [call_id for call_id, (*_, until) in self._reservations.items() if until < now]:
            del self._reservations[call_id]
