"""Shares of the time that a request has left."""

from __future__ import annotations

from services.kit import context
from services.kit.errors import DeadlineExceeded


def share(fraction: float, most: float) -> float:
    """Return `fraction` of the seconds that the request has left, at most `most`.

    Raises:
        DeadlineExceeded: nothing is left; work that is already late is not started.
    """
    remaining = context.remaining()
    if remaining is None:
        return most
    if remaining <= 0:
        raise DeadlineExceeded("The time for this request ran out.")
    return min(most, remaining * fraction)
