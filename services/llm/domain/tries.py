"""Which target is asked next for a call, and when no further one is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from services.kit.errors import TikuError
from services.llm.domain import faults
from services.llm.domain.allowance import Allowance
from services.llm.domain.targets import Target

EngineT = TypeVar("EngineT")

_VAIN_SHARE = 0.08
_VAIN_SAVED = 10
_FAULTS_OWED = 50
"""What an outage leaves to be earned again is soon earned: breakers hold the load down besides."""
_REFUSALS_OWED = 1000
"""Nothing else holds these down."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is tried where every target failed, and the waits between.

    They double, and each is drawn from its upper half. A call waits `longest_wait_seconds` altogether.
    """

    attempts: int = 3
    first_wait_seconds: float = 0.2
    longest_wait_seconds: float = 5.0

    def backoff(self, attempts: int) -> float:
        """Return the seconds to wait after so many attempts."""
        longest = min(self.longest_wait_seconds, self.first_wait_seconds * float(2 ** (attempts - 1)))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - it spreads load and guards nothing


@dataclass(frozen=True, slots=True)
class VainAttempts:
    """Bounds what calls ask beyond their first attempt and in vain, to less than a tenth of the calls.

    A call that another target serves costs nothing here, so fallback is not bounded while it helps. Requests that
    providers refuse are counted apart: whoever sends them takes nothing from those that meet a provider's fault.
    """

    faults: Allowance = field(default_factory=lambda: Allowance(_VAIN_SHARE, _VAIN_SAVED, debt=_FAULTS_OWED))
    refusals: Allowance = field(default_factory=lambda: Allowance(_VAIN_SHARE, _VAIN_SAVED, debt=_REFUSALS_OWED))

    def earn(self) -> None:
        """Count one call."""
        self.faults.earn()
        self.refusals.earn()

    def of(self, error: TikuError) -> Allowance:
        """Return the allowance of calls whose first error this is."""
        return self.refusals if error.reason in faults.REFUSALS else self.faults


class Tries(Generic[EngineT]):
    """The tries of one call: each target once, the preferred first, and then again those whose fault may pass.

    A target that is left alone by its breaker, or has no room now, is passed over while another one is there.
    """

    def __init__(
        self,
        targets: Sequence[Target[EngineT]],
        policy: RetryPolicy,
        vain: VainAttempts,
        tokens: int,
        deadline: float,
    ) -> None:
        self._targets = targets
        self._policy = policy
        self._vain = vain
        self._tokens = tokens
        self._deadline = deadline
        self._tried: dict[Target[EngineT], TikuError | None] = {}
        """How each target failed, in the order in which they were asked; None while one is being asked."""
        self._rounds = 0
        self._waited = 0.0
        vain.earn()

    async def next(self) -> Target[EngineT]:
        """Return the target to ask now; wait where none may be asked yet.

        Raises:
            TikuError: nobody is left who may be asked in time; it is what the targets said.
        """
        while self._more_allowed():
            if target := self._preferred():
                self._rounds += 1
                return target
            later, wait = self._soonest()
            late = asyncio.get_running_loop().time() + wait >= self._deadline
            if later is None or late or self._waited + wait > self._policy.longest_wait_seconds:
                break
            self._waited += wait
            await asyncio.sleep(wait)
            if later in self._tried and not later.health.breaker.wait_seconds():
                later.health.retries.spend()
                self._rounds += 1
                return later
        self._settle()
        raise self._told()

    def spare(self) -> Target[EngineT] | None:
        """Return the first untried target that has room for a call that is not needed yet, if there is one."""
        for target in self._untried():
            if not target.health.breaker.wait_seconds() and target.backend.capacity.has_spare(self._tokens):
                return target
        return None

    def at_once(self, most: int) -> list[Target[EngineT]]:
        """Return the first untried targets that may be asked now, of different providers as far as there are any."""
        ready = [target for target in self._untried() if not target.health.breaker.wait_seconds()]
        backends = [target.backend for target in ready]
        # Stable: within both groups, the preferred come first.
        ready_by_turn = sorted(enumerate(ready), key=lambda one: one[1].backend in backends[: one[0]])
        return [target for _, target in ready_by_turn[:most]]

    def asked(self, target: Target[EngineT]) -> None:
        """Count that a target is being asked."""
        if target not in self._tried:
            target.health.retries.earn()
        self._tried[target] = None

    def failed(self, target: Target[EngineT], error: TikuError) -> None:
        """Count that a target failed.

        Raises:
            TikuError: `error`, where it leaves no time to ask another.
        """
        del self._tried[target]
        self._tried[target] = error
        if error.reason in faults.UNASKED:
            self._rounds -= 1  # It was not asked.
        if asyncio.get_running_loop().time() >= self._deadline:
            self._settle()
            raise error

    def _untried(self) -> list[Target[EngineT]]:
        return [target for target in self._targets if target not in self._tried]

    def _preferred(self) -> Target[EngineT] | None:
        """Return the untried target that may be asked now and has room first."""
        ready = [target for target in self._untried() if not target.health.breaker.wait_seconds()]
        # Of equals, min takes the first.
        return min(ready, key=lambda target: target.backend.capacity.wait_seconds(self._tokens), default=None)

    def _soonest(self) -> tuple[Target[EngineT] | None, float]:
        """Return the target that may be asked first, untried or again, and in how many seconds."""
        waits: list[tuple[float, Target[EngineT]]] = []
        again = self._rounds < self._policy.attempts
        for target in self._targets:
            error, wait = self._tried.get(target), target.health.breaker.wait_seconds()
            if target not in self._tried:
                waits.append((wait, target))
            elif again and error and error.reason in faults.RETRYABLE and target.health.retries.left:
                waits.append((max(wait, self._policy.backoff(self._rounds)), target))
        if not waits:
            return None, 0.0
        wait, soonest = min(waits, key=lambda one: one[0])
        return soonest, wait

    def _more_allowed(self) -> bool:
        return self._rounds == 0 or self._vain.of(self._errors()[0]).left

    def _errors(self) -> list[TikuError]:
        return [error for error in self._tried.values() if error is not None]

    def _settle(self) -> None:
        """Count what was asked in vain beyond the first round."""
        if self._rounds > 1:
            self._vain.of(self._errors()[0]).spend(self._rounds - 1)

    def _told(self) -> TikuError:
        """Return what the call ends with: what may pass rather than what stays, and the last of either."""
        errors = self._errors()
        if not errors:
            waits = [(target.health.breaker.wait_seconds(), target) for target in self._targets]
            wait, first = min(waits, key=lambda one: one[0])
            return faults.again(first.health.breaker.error, first.served.provider, wait)
        return next((error for error in reversed(errors) if error.reason in faults.RETRYABLE), errors[-1])
