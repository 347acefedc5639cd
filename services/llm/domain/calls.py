"""What every call to a provider goes through: a slot, a bounded number of tries, the ledger."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.common.values import TokenUsage
from services.kit.errors import TikuError
from services.llm.domain import faults
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.ledger import Ledger, Outcome

T = TypeVar("T")


class Target(Protocol):
    """Whoever is called: its name in errors and in the ledger, and its gate."""

    @property
    def name(self) -> str:
        """Name of the provider."""
        ...

    @property
    def bulkhead(self) -> Bulkhead:
        """How many calls it gets at once."""
        ...


TargetT = TypeVar("TargetT", bound=Target)


@dataclass(slots=True)
class Spent:
    """What a call has cost so far."""

    tokens: TokenUsage | None = None
    """The provider's own count."""
    deltas: int = 0
    """Pieces of a stream that came, each about one token."""

    def total(self) -> TokenUsage:
        """Return the provider's own count; without one, as after a cancel, the pieces that came."""
        return self.tokens or TokenUsage(completion_tokens=self.deltas)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is tried, and the waits between: they double, and each is drawn from its upper half."""

    attempts: int = 3
    first_wait_seconds: float = 0.2
    longest_wait_seconds: float = 5.0

    async def pause(self, attempt: int, error: TikuError, deadline: float) -> None:
        """Wait for the attempt after number `attempt` (from 0), or raise `error` if another try is pointless.

        That is after the last attempt, after an error that stays, and where the wait, by our backoff or the
        provider's own word, is too long or would outlast the deadline.
        """
        if attempt + 1 >= self.attempts or error.reason not in faults.RETRYABLE:
            raise error
        backoff = min(self.longest_wait_seconds, self.first_wait_seconds * 2**attempt)
        spread = backoff * random.uniform(0.5, 1.0)  # noqa: S311 - it spreads load and guards nothing
        wait = max(spread, error.retry_after or 0.0)
        if wait > self.longest_wait_seconds or asyncio.get_running_loop().time() + wait >= deadline:
            raise error
        await asyncio.sleep(wait)


class Calls:
    """Makes calls under one policy and writes them into one ledger."""

    def __init__(self, ledger: Ledger, retry: RetryPolicy) -> None:
        self._ledger = ledger
        self.retry = retry

    async def run(
        self,
        targets: Sequence[TargetT],
        model: str,
        deadline: float,
        call: Callable[[TargetT, float], Awaitable[tuple[T, TokenUsage | None]]],
    ) -> tuple[T, TargetT]:
        """Return the result of `call(target, seconds left)` and its target, trying the targets in turn."""
        attempt = 0
        while True:
            target = targets[attempt % len(targets)]
            try:
                async with target.bulkhead.slot(time_left(deadline)):
                    with self.recorded(target, model) as spent:
                        result, spent.tokens = await call(target, time_left(deadline))
                return result, target
            except TikuError as error:
                await self.retry.pause(attempt, error, deadline)
            attempt += 1

    @contextmanager
    def recorded(self, target: Target, model: str) -> Iterator[Spent]:
        """Write the call in the block into the ledger however it ends."""
        spent = Spent()
        outcome = Outcome.CANCELLED
        try:
            yield spent
            outcome = Outcome.ANSWERED
        except Exception:
            outcome = Outcome.FAILED
            raise
        finally:
            self._ledger.record(target.name, model, outcome, spent.total())


def time_left(deadline: float) -> float:
    """Return the seconds until an instant on the loop's clock."""
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        raise faults.too_late()
    return left
