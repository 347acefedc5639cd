"""Money that is set aside once for several calls of the same accounts.

A call that finds some in its process needs no statement of its own. What calls leave over goes back into the purse, and
what a purse no longer needs goes back to its accounts (ADR 72).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.llm.values.spending import Account, Charge, Limit


@dataclass(slots=True, eq=False)
class Purse:
    """Money that the store has set aside under one id."""

    purse_id: str
    accounts: Sequence[Account]
    reserved_nanos: int
    """What the store has set aside, as far as it was told what was spent."""
    until: float
    """When the store gives it back by itself, on the loop's clock."""
    drawn_nanos: int = 0
    """For calls under way."""
    spent_nanos: int = 0
    """By calls that ended, and not told to the store yet."""
    calls: int = 0
    """Under way."""
    is_wanted: bool = True
    """Whether a call drew from it since the store was told."""

    @property
    def free_nanos(self) -> int:
        """What the next call may draw."""
        return self.reserved_nanos - self.drawn_nanos - self.spent_nanos

    def draw(self, nanos: int) -> None:
        """Set money aside for a call that begins."""
        self.drawn_nanos += nanos
        self.calls += 1
        self.is_wanted = True

    def end(self, nanos: int, cost_nanos: int) -> None:
        """Count what a call has cost that had drawn so much."""
        self.drawn_nanos -= nanos
        self.spent_nanos += cost_nanos
        self.calls -= 1

    def settle(self, *, closing: bool) -> Charge | None:
        """Return what the store has to be told, if there is something; `closing` keeps nothing for calls to come."""
        kept = self.drawn_nanos if closing else max(self.drawn_nanos, self.reserved_nanos - self.spent_nanos)
        if kept == self.reserved_nanos and not self.spent_nanos:
            return None
        charge = Charge(self.purse_id, self.accounts, self.spent_nanos, kept)
        self.reserved_nanos, self.spent_nanos = kept, 0
        return charge


class Purses:
    """The purses of a process: for the limits of a call the newest one, and older ones until their calls have ended."""

    def __init__(self) -> None:
        self._newest: dict[tuple[Limit, ...], Purse] = {}
        self._open: dict[Purse, None] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def drawn(self, limits: tuple[Limit, ...], nanos: int, until: float) -> Purse | None:
        """Return the purse in which money is set aside now for a call that may last until then; None where none can."""
        purse = self._newest.get(limits)
        if purse is None or purse.until < until or purse.free_nanos < nanos:
            return None
        purse.draw(nanos)
        return purse

    def add(self, limits: tuple[Limit, ...], purse: Purse) -> None:
        """Let calls with these limits draw from a purse; the one before is closed once its calls have ended."""
        self._newest[limits] = purse
        self._open[purse] = None

    def settle(self, *, closing: bool) -> Iterator[Charge]:
        """Yield what the store has to be told; an unused purse keeps nothing for calls to come."""
        newest = set(self._newest.values())
        for purse in list(self._open):
            unused = closing or not purse.is_wanted or purse not in newest
            purse.is_wanted = False
            if charge := purse.settle(closing=unused):
                yield charge
            if unused and not purse.calls:
                del self._open[purse]
        self._newest = {limits: purse for limits, purse in self._newest.items() if purse in self._open}
