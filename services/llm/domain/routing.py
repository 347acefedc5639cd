"""Routing: from a model's name to a provider that serves it, in a bounded number of tries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, aclosing, contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Generic, Protocol, TypeVar

from services.kit.errors import DeadlineExceeded, FailedPrecondition, TikuError
from services.llm.domain import faults
from services.llm.domain.ledger import Ledger
from services.llm.domain.read_watch import ReadWatch
from services.llm.domain.targets import RoutingTable, Served, Target
from services.llm.ports import ChatProvider
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, TextDelta
from services.llm.values.relevance import Ranking, Vectors

EngineT = TypeVar("EngineT")
ResultT = TypeVar("ResultT", Completion, Vectors, Ranking)


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
class FixedTable(Generic[EngineT]):
    """A table that is never replaced."""

    table: RoutingTable[EngineT]

    @contextmanager
    def held(self) -> Iterator[RoutingTable[EngineT]]:
        """Hold the table for a call."""
        yield self.table


class Tables(Protocol[EngineT]):
    """Where the table of now is; `services.llm.domain.roster.Roster` is one that is replaced."""

    @property
    def table(self) -> RoutingTable[EngineT]:
        """The table of now, to be looked at."""

    def held(self) -> AbstractContextManager[RoutingTable[EngineT]]:
        """Hold the table for a call."""


@dataclass(frozen=True, slots=True)
class Router(Generic[EngineT]):
    """Makes calls of one purpose, such as embedding, to the providers that serve their model.

    A fault that may pass (`faults.RETRYABLE`) is tried again within the deadline, on the next target of the same name
    where there is one. `_missing` are message and reason of the refusal where there is no provider.
    """

    _tables: Tables[EngineT]
    _ledger: Ledger
    _retry: RetryPolicy
    _missing: tuple[str, str]

    @property
    def served(self) -> Sequence[Served]:
        """Every name with each provider that serves it, the default first."""
        return self._tables.table.served

    async def run(
        self, model: str, timeout: float, call: Callable[[EngineT, str, float], Awaitable[ResultT]], tokens: int = 0
    ) -> tuple[ResultT, Served]:
        """Return the result of `call(engine, model, seconds left)` within `timeout` seconds, and who gave it.

        `tokens` are about how many the call takes.

        Raises:
            FailedPrecondition: there is no provider.
            NotFound: nobody serves `model`.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        with self._tables.held() as table:
            for attempt, target in self._attempts(table, model):
                try:
                    return await self._asked(target, call, deadline, tokens), target.served
                except TikuError as error:
                    await self._retry.pause(attempt, error, deadline)
        raise AssertionError("attempts have no end")

    async def _asked(
        self,
        target: Target[EngineT],
        call: Callable[[EngineT, str, float], Awaitable[ResultT]],
        deadline: float,
        tokens: int,
    ) -> ResultT:
        backend, served = target.backend, target.served
        async with backend.capacity.admitted(_time_left(deadline), tokens) as settle:
            left = min(_time_left(deadline), backend.provider.total_timeout_seconds)
            with self._ledger.recorded(served.provider, served.model) as spent:
                result = await call(backend.engine, served.model, left)
                spent.tokens = result.usage
            if spent.tokens is not None:
                settle(spent.tokens.total_tokens)
            return result

    def _attempts(self, table: RoutingTable[EngineT], model: str) -> Iterator[tuple[int, Target[EngineT]]]:
        """Return the numbers of a call's attempts with their targets."""
        if not table.served:
            message, reason = self._missing
            raise FailedPrecondition(message, reason=reason)
        return enumerate(cycle(table.path(model).targets))


class ChatRouter(Router[ChatProvider]):
    """Answers prompts, whole or as a stream.

    After the first token, a fault is the caller's: text that was read cannot be taken back.
    """

    async def complete(self, prompt: ChatRequest, timeout: float) -> tuple[Completion, Served]:
        """Return one whole answer within `timeout` seconds, and which provider gave it."""
        return await self.run(
            prompt.model,
            timeout,
            lambda provider, model, left: provider.complete(replace(prompt, model=model), left),
            _tokens_of(prompt),
        )

    async def stream(
        self, prompt: ChatRequest, timeout: float
    ) -> AsyncGenerator[TextDelta | tuple[ChatFinish, Served], None]:
        """Yield deltas, then one `ChatFinish` with who answered, within `timeout` seconds.

        A finish without the provider's own usage carries what was counted here.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        with self._tables.held() as table:
            for attempt, target in self._attempts(table, prompt.model):
                began = False
                try:
                    async with aclosing(self._events(target, prompt, deadline)) as events:
                        async for event in events:
                            began = True
                            yield event if isinstance(event, TextDelta) else (event, target.served)
                    return
                except TikuError as error:
                    if began:
                        raise
                    await self._retry.pause(attempt, error, deadline)

    async def _events(
        self, target: Target[ChatProvider], prompt: ChatRequest, deadline: float
    ) -> AsyncGenerator[TextDelta | ChatFinish, None]:
        """Yield what one target answers, within its own limits of time."""
        provider, loop = target.backend.provider, asyncio.get_running_loop()
        finish: ChatFinish | None = None
        async with target.backend.capacity.admitted(_time_left(deadline), _tokens_of(prompt)) as settle:
            left = min(_time_left(deadline), provider.total_timeout_seconds)
            ends = loop.time() + left
            stream = target.backend.engine.stream(replace(prompt, model=target.model.name), left)
            async with aclosing(stream):
                with (
                    ReadWatch(provider.name) as watch,
                    self._ledger.recorded(provider.name, target.model.name) as spent,
                ):
                    due = loop.time() + provider.first_token_timeout_seconds
                    while (event := await watch.read(stream, min(ends, due))) is not None:
                        if isinstance(event, TextDelta):
                            spent.deltas += 1
                            yield event
                        else:
                            spent.tokens = event.usage
                            finish = ChatFinish(event.reason, spent.total())
                        due = loop.time() + provider.between_tokens_timeout_seconds
                    if finish is None:
                        raise faults.unavailable(provider.name, "the stream ended before the answer did")
            if spent.tokens is not None:
                settle(spent.tokens.total_tokens)
        yield finish


def _tokens_of(prompt: ChatRequest) -> int:
    """Return about how many tokens a call may take: a quarter of the prompt's UTF-8, and all that it may write.

    Four letters of English are about a token, and so are four thirds of a Chinese character's three bytes.
    """
    return sum(len(message.content.encode()) for message in prompt.messages) // 4 + (prompt.max_tokens or 0)


def _time_left(deadline: float) -> float:
    """Return the seconds until an instant on the loop's clock."""
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        raise DeadlineExceeded("The deadline passed before the model was asked.", reason="DEADLINE_PASSED")
    return left
