"""A circuit breaker: a provider that keeps failing is left alone, and tried again with single calls."""

from __future__ import annotations

import asyncio
import logging
import random

from services.kit.errors import TikuError

logger = logging.getLogger(__name__)


class Breaker:
    """Opens after `failures` in a row for `first_seconds`, and twice as long after each probe that fails.

    Behind an open time, one call passes as a probe, and others wait for another such time, or for the probe's success.
    A probe that is abandoned makes place for the next one. Times are jittered, so that processes do not probe together.
    """

    def __init__(
        self, name: str, *, failures: int = 8, first_seconds: float = 1.0, longest_seconds: float = 10.0
    ) -> None:
        self._name = name
        self._limit = failures
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._failures = 0
        self._seconds = first_seconds
        self._open = False
        self._open_until = 0.0
        self._held_until = 0.0
        self.error: TikuError | None = None
        """The last error that counted."""

    def wait_seconds(self) -> float:
        """Return the seconds until a call may pass, 0 for now."""
        until = max(self._held_until, self._open_until) if self._open else self._held_until
        return max(0.0, until - asyncio.get_running_loop().time())

    def begin(self) -> bool:
        """Count a call that passes; return whether it is a probe."""
        if self._open:
            self._open_until = asyncio.get_running_loop().time() + self._seconds
        return self._open

    def succeeded(self) -> None:
        """Close: the provider answers."""
        if self._open:
            logger.info("a provider answers again", extra={"target": self._name})
        self._failures, self._open, self._seconds = 0, False, self._first_seconds

    def failed(self, error: TikuError, *, probe: bool) -> None:
        """Count a failure; what was under way when it opened changes nothing."""
        self.error = error
        if self._open and not probe:
            return
        self._failures += 1
        if probe:
            self._seconds = min(self._longest_seconds, 2 * self._seconds)
        elif self._failures < self._limit:
            return
        else:
            logger.warning("a provider keeps failing", extra={"target": self._name, "reason": error.reason})
        self._open = True
        spread = random.uniform(0.75, 1.25)  # noqa: S311 - it spreads load and guards nothing
        self._open_until = asyncio.get_running_loop().time() + self._seconds * spread

    def abandoned(self, *, probe: bool) -> None:
        """Count a call that ended without telling anything, because its caller left."""
        if probe and self._open:
            self._open_until = 0.0

    def hold(self, error: TikuError, seconds: float) -> None:
        """Let nothing pass for so many seconds: the provider asked for them."""
        self.error = error
        self._held_until = max(self._held_until, asyncio.get_running_loop().time() + seconds)
