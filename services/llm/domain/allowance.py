"""How many extra calls a share of the calls allows."""

from __future__ import annotations


class Allowance:
    """Grows by `share` with each call up to `most`, and shrinks by one with each extra.

    It may go below nothing, since extras can be under way when it is spent, down to `debt`; then it has to be earned
    again first.
    """

    def __init__(self, share: float, most: float, *, begin: float | None = None, debt: float = 0.0) -> None:
        self._share = share
        self._most = most
        self._least = -debt
        self._balance = most if begin is None else begin

    def earn(self) -> None:
        """Count one call."""
        self._balance = min(self._most, self._balance + self._share)

    @property
    def left(self) -> bool:
        """Whether one extra is allowed."""
        return self._balance >= 1

    def spend(self, count: int = 1) -> None:
        """Count extras."""
        self._balance = max(self._least, self._balance - count)
