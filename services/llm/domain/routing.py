"""Routing: from a model's name to a provider that serves it, in a bounded number of tries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Generic, TypeVar

from services.kit.errors import DeadlineExceeded, FailedPrecondition, TikuError
from services.llm.domain import faults
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.ledger import Ledger
from services.llm.ports import ChatProvider
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, TextDelta
from services.llm.values.relevance import Ranking, Vectors

EngineT = TypeVar("EngineT")
ResultT = TypeVar("ResultT", Completion, Vectors, Ranking)


@dataclass(frozen=True, slots=True)
class Backend(Generic[EngineT]):
    """One configured provider: who it is, what it serves, what talks to it, and its gate."""

    name: str
    models: Sequence[str]
    engine: EngineT
    bulkhead: Bulkhead


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is tried, and the waits between: they double, and each is drawn from its upper half."""

    attempts: int = 3
    first_wait_seconds: float = 0.2
    longest_wait_seconds: float = 5.0

    async def pause(self, attempt: int, error: TikuError, deadline: float) -> None:
        """Wait for the attempt after number `attempt` (from 0).

        Raises:
            TikuError: `error`, where another try is pointless: after the last attempt, after an error that stays, or
                where the wait, by our backoff or the provider's own word, is too long or would outlast the deadline.
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
class Served:
    """A model's name as requests use it, and a provider that serves it."""

    model: str
    provider: str


@dataclass(frozen=True, slots=True)
class Router(Generic[EngineT]):
    """Makes calls of one purpose, such as embedding, to the backends that serve their model.

    A fault that may pass (`faults.RETRYABLE`) is tried again within the deadline, on the next backend that serves the
    same model where there is one. The first model of the first backend serves calls that name none; `_missing` are
    message and reason of the refusal where there is no backend.
    """

    _backends: Sequence[Backend[EngineT]]
    _ledger: Ledger
    _retry: RetryPolicy
    _missing: tuple[str, str]

    @property
    def served(self) -> list[Served]:
        """Every model with each provider that serves it, the default first."""
        return [Served(model, backend.name) for backend in self._backends for model in backend.models]

    async def run(
        self, model: str, timeout: float, call: Callable[[EngineT, str, float], Awaitable[ResultT]]
    ) -> tuple[ResultT, Served]:
        """Return the result of `call(engine, model, seconds left)` within `timeout` seconds, and who gave it.

        Raises:
            FailedPrecondition: there is no backend.
            NotFound: no backend serves `model`.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        model, attempts = self._route(model)
        for attempt, backend in attempts:
            try:
                async with backend.bulkhead.slot(_time_left(deadline)):
                    left = _time_left(deadline)
                    with self._ledger.recorded(backend.name, model) as spent:
                        result = await call(backend.engine, model, left)
                        spent.tokens = result.usage
                return result, Served(model, backend.name)
            except TikuError as error:
                await self._retry.pause(attempt, error, deadline)
        raise AssertionError("attempts have no end")

    def _route(self, model: str) -> tuple[str, Iterator[tuple[int, Backend[EngineT]]]]:
        """Return the name of the model that serves a call, and the numbers of its attempts with their backends."""
        if not self._backends:
            message, reason = self._missing
            raise FailedPrecondition(message, reason=reason)
        model = model or self._backends[0].models[0]
        backends = [backend for backend in self._backends if model in backend.models]
        if not backends:
            raise faults.model_not_found(model)
        return model, enumerate(cycle(backends))


class ChatRouter(Router[ChatProvider]):
    """Answers prompts, whole or as a stream.

    After the first token, a fault is the caller's: text that was read cannot be taken back.
    """

    async def complete(self, prompt: ChatRequest, timeout: float) -> tuple[Completion, Served]:
        """Return one whole answer within `timeout` seconds, and which provider gave it."""
        return await self.run(
            prompt.model, timeout, lambda provider, model, left: provider.complete(replace(prompt, model=model), left)
        )

    async def stream(
        self, prompt: ChatRequest, timeout: float
    ) -> AsyncGenerator[TextDelta | tuple[ChatFinish, Served], None]:
        """Yield deltas, then one `ChatFinish` with who answered, within `timeout` seconds.

        A finish without the provider's own usage carries what was counted here.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        model, attempts = self._route(prompt.model)
        for attempt, backend in attempts:
            began = False
            try:
                async with (
                    backend.bulkhead.slot(_time_left(deadline)),
                    aclosing(backend.engine.stream(replace(prompt, model=model), _time_left(deadline))) as events,
                ):
                    with self._ledger.recorded(backend.name, model) as spent:
                        async for event in events:
                            began = True
                            if isinstance(event, TextDelta):
                                spent.deltas += 1
                                yield event
                            else:
                                spent.tokens = event.usage
                                finish = ChatFinish(event.reason, spent.total())
                yield finish, Served(model, backend.name)
                return
            except TikuError as error:
                if began:
                    raise
                await self._retry.pause(attempt, error, deadline)


def _time_left(deadline: float) -> float:
    """Return the seconds until an instant on the loop's clock."""
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        raise DeadlineExceeded("The deadline passed before the model was asked.", reason="DEADLINE_PASSED")
    return left
