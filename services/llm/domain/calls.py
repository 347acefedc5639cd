"""What every call to a provider goes through: a slot, a bounded number of tries, the ledger."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from services.common.values import TokenUsage
from services.kit.errors import TikuError
from services.llm.domain import faults
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.ledger import Ledger, Outcome

EngineT = TypeVar("EngineT")


@dataclass(frozen=True, slots=True)
class Backend(Generic[EngineT]):
    """One configured provider: who it is, what it serves, what talks to it, and its gate."""

    name: str
    models: Sequence[str]
    engine: EngineT
    bulkhead: Bulkhead


class Counted(Protocol):
    """A result that says what it cost."""

    @property
    def usage(self) -> TokenUsage | None:
        """The tokens that the call consumed; None when the provider did not report them."""


ResultT = TypeVar("ResultT", bound=Counted)


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

        That is after the last attempt, after an error that stays, and where the wait, by our backoff or the provider's
        own word, is too long or would outlast the deadline.
        """
        if attempt + 1 >= self.attempts or error.reason not in faults.RETRYABLE:
            raise error
        backoff = min(self.longest_wait_seconds, self.first_wait_seconds * 2**attempt)
        spread = backoff * random.uniform(0.5, 1.0)  # noqa: S311 - it spreads load and guards nothing
        wait = max(spread, error.retry_after or 0.0)
        if wait > self.longest_wait_seconds or asyncio.get_running_loop().time() + wait >= deadline:
            raise error
        await asyncio.sleep(wait)


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes calls under one policy and writes them into one ledger."""

    _ledger: Ledger
    retry: RetryPolicy

    async def run(
        self,
        backends: Sequence[Backend[EngineT]],
        model: str,
        deadline: float,
        call: Callable[[EngineT, float], Awaitable[ResultT]],
    ) -> tuple[ResultT, str]:
        """Return the result of `call(engine, seconds left)` and its provider's name, trying the backends in turn."""
        attempt = 0
        while True:
            backend = backends[attempt % len(backends)]
            try:
                async with backend.bulkhead.slot(time_left(deadline)):
                    with self.recorded(backend.name, model) as spent:
                        result = await call(backend.engine, time_left(deadline))
                        spent.tokens = result.usage
                return result, backend.name
            except TikuError as error:
                await self.retry.pause(attempt, error, deadline)
            attempt += 1

    @contextmanager
    def recorded(self, provider: str, model: str) -> Iterator[Spent]:
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
            self._ledger.record(provider, model, outcome, spent.total())


def time_left(deadline: float) -> float:
    """Return the seconds until an instant on the loop's clock."""
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        raise faults.too_late()
    return left
