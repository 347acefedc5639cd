"""Routing: from a model's name to a provider that serves it, in a bounded number of tries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Generic, TypeVar

from services.common.values import TokenUsage
from services.kit.errors import DeadlineExceeded, FailedPrecondition, TikuError
from services.llm.domain import faults
from services.llm.domain.allowance import Allowance
from services.llm.domain.ledger import Ledger
from services.llm.domain.need import Need, need_of_chat
from services.llm.domain.read_watch import ReadWatch
from services.llm.domain.simultaneous import Begin, Discard, hedged, raced
from services.llm.domain.structured import answers as structured
from services.llm.domain.targets import Path, RoutingTable, Served, Tables, Target
from services.llm.domain.tries import RetryPolicy, Tries, VainAttempts
from services.llm.domain.validity import is_valid
from services.llm.ports import ChatProvider
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, TextDelta
from services.llm.values.providers import Strategy
from services.llm.values.relevance import Ranking, Vectors

if TYPE_CHECKING:
    from services.llm.domain.structured.schema import Schema

EngineT = TypeVar("EngineT")
ResultT = TypeVar("ResultT", Completion, Vectors, Ranking)
StartT = TypeVar("StartT")


_AT_ONCE = 3
"""Targets that a race asks."""
_REPAIR_SHARE = 0.9
"""Of the time that is left, what asking a model again may take."""
_HEDGED_SHARE = 0.05
_HEDGES_SAVED = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """What a provider is asked for: one of its models, in so many seconds, for an answer of so many tokens."""

    model: str
    timeout: float
    max_output_tokens: int | None


@dataclass(frozen=True, slots=True)
class FixedTable(Generic[EngineT]):
    """A table that is never replaced."""

    table: RoutingTable[EngineT]

    @contextmanager
    def held(self) -> Iterator[RoutingTable[EngineT]]:
        """Hold the table for a call."""
        yield self.table


class Router(Generic[EngineT]):
    """Makes calls of one purpose, such as embedding, to the targets that serve their model.

    A target that fails is followed by the next one of the same name, and then by those whose fault may pass, all
    within one deadline (`services.llm.domain.tries`). `missing` are message and reason of the refusal where there is no
    provider, and `operation` is what spans call the purpose.
    """

    def __init__(
        self,
        tables: Tables[EngineT],
        ledger: Ledger,
        retry: RetryPolicy,
        missing: tuple[str, str],
        operation: str = "chat",
    ) -> None:
        self._tables = tables
        self._ledger = ledger
        self._retry = retry
        self._missing = missing
        self._operation = operation
        self._vain = VainAttempts()
        self._hedges = Allowance(_HEDGED_SHARE, _HEDGES_SAVED, begin=0)

    @property
    def served(self) -> Sequence[Served]:
        """Every name with each provider that serves it, the default first."""
        return self._tables.table.served

    def reading_speed(self, served: Served) -> float | None:
        """Return the tokens that a model of a provider reads a second; None where that is not known."""
        targets = self._tables.table.path(served.model).targets
        return next(
            (one.health.reading.tokens_per_second for one in targets if one.served.provider == served.provider), None
        )

    async def run(
        self, model: str, timeout: float, need: Need, call: Callable[[EngineT, Asked], Awaitable[ResultT]]
    ) -> tuple[ResultT, Served]:
        """Return the result of `call` within `timeout` seconds, and who gave it.

        Raises:
            FailedPrecondition: there is no provider.
            NotFound: nobody serves `model`.
            ResourceExhausted: a budget does not allow the call, or nobody has room for it.
        """
        with self._tables.held() as table:
            way = self._way(table, model, timeout, need)
            target, result = await self._obtained(
                way, lambda target: self._asked(target, call, way), _nothing, lambda target: target.health.whole.p95
            )
            return result, target.served

    async def _asked(
        self, target: Target[EngineT], call: Callable[[EngineT, Asked], Awaitable[ResultT]], way: _Way[EngineT]
    ) -> ResultT:
        """Return what one target answers as a whole."""
        backend = target.backend
        async with (
            backend.capacity.admitted(_time_left(way.deadline), way.need.tokens) as settle,
            self._ledger.call(target.offer, way.need, _time_left(way.deadline), self._operation) as spent,
        ):
            left = min(_time_left(way.deadline), backend.provider.total_timeout_seconds)
            with target.health.judged(target.health.whole, way.deadline) as verdict:
                result = await call(backend.engine, Asked(target.model.name, left, spent.max_output_tokens))
                spent.tokens = result.usage
                verdict.answer()
            if spent.tokens is not None:
                settle(spent.tokens.total_tokens)
            return result

    async def _obtained(
        self,
        way: _Way[EngineT],
        begin: Begin[StartT],
        discard: Discard[StartT],
        patience: Callable[[Target[EngineT]], float | None],
        valid: Callable[[StartT], bool] = lambda _: True,
    ) -> tuple[Target[EngineT], StartT]:
        """Return what the first target gives that does not fail, by the strategy of the path."""
        tries, path = way.tries, way.path
        if path.strategy is Strategy.HEDGED:
            self._hedges.earn()
        while True:
            target = await tries.next()
            obtained: tuple[Target[EngineT], StartT] | None = None
            if path.strategy is Strategy.RACE and tries.at_once(1):
                grace = path.grace_seconds
                obtained = await raced(tries, begin, discard, valid, most=_AT_ONCE, grace_seconds=grace)
            elif path.strategy is Strategy.HEDGED:
                wait = patience(target)
                obtained = await hedged(tries, target, begin, discard, valid, patience=wait, allowance=self._hedges)
            else:
                tries.asked(target)
                try:
                    return target, await begin(target)
                except TikuError as error:
                    tries.failed(target, error)
            if obtained is not None:
                return obtained

    def _way(self, table: RoutingTable[EngineT], model: str, timeout: float, need: Need) -> _Way[EngineT]:
        """Return how a call goes that names `model` and has `timeout` seconds."""
        if not table.served:
            message, reason = self._missing
            raise FailedPrecondition(message, reason=reason)
        path, deadline = table.path(model), asyncio.get_running_loop().time() + timeout
        _time_left(deadline)
        return _Way(path, Tries(path.targets, self._retry, self._vain, need.tokens, deadline), need, deadline)


class ChatRouter(Router[ChatProvider]):
    """Answers prompts, whole or as a stream.

    After the first token, a fault is the caller's: text that was read cannot be taken back.

    A whole answer that has to match a schema and does not is asked for once more, of the model that gave it, while
    there is time. A stream passes on what comes, and its finish says whether it matches.
    """

    async def complete(self, prompt: ChatRequest, timeout: float) -> tuple[Completion, Served]:
        """Return one whole answer within `timeout` seconds, and which provider gave it.

        Raises:
            InvalidArgument: the schema is none that an answer can be held against.
            FailedPrecondition: the answer does not match it; reason SCHEMA_NOT_MATCHED.
        """
        schema = await structured.wanted(prompt)
        with self._tables.held() as table:
            way = self._way(table, prompt.model, timeout, need_of_chat(prompt))
            target, completion = await self._completed(way, prompt, schema)
            return completion, target.served

    def stream(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[_Event, None]:
        """Yield deltas, then one `ChatFinish` with who answered, within `timeout` seconds.

        A finish without the provider's own usage carries what was counted here. The answer of a race comes as one
        delta, when it is chosen.

        Raises:
            InvalidArgument: the schema is none that an answer can be held against.
            FailedPrecondition: the answer of a race does not match it; reason SCHEMA_NOT_MATCHED.
        """
        events = self._streamed(prompt, timeout)
        return structured.stream_checked(events, prompt) if structured.has_to_match(prompt) else events

    async def _streamed(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[_Event, None]:
        with self._tables.held() as table:
            way = self._way(table, prompt.model, timeout, need_of_chat(prompt))
            if way.path.strategy is Strategy.RACE:
                target, completion = await self._completed(way, prompt, await structured.wanted(prompt))
                for delta in completion.deltas():
                    yield delta
                yield completion.finish(), target.served
                return
            _, (event, events) = await self._obtained(
                way,
                lambda target: _begun(self._events(target, prompt, way)),
                _closed,
                lambda target: target.health.first_token.p95,
            )
            async with aclosing(events):
                yield event
                async for event in events:
                    yield event

    async def _completed(
        self, way: _Way[ChatProvider], prompt: ChatRequest, schema: Schema | None
    ) -> tuple[Target[ChatProvider], Completion]:
        """Return the first answer that is valid, by the strategy of the path, also where a model has to be asked twice.

        Raises:
            FailedPrecondition: it does not match its schema.
        """
        began = asyncio.get_running_loop().time()
        target, completion = await self._obtained(
            way,
            lambda target: self._answer(target, prompt, schema, way),
            _nothing,
            lambda target: target.health.whole.p95,
            lambda completion: is_valid(completion, prompt),
        )
        if structured.broken_rules(completion):
            completion = await self._repaired(target, prompt, schema, completion, way, began)
        return target, completion

    async def _answer(
        self, target: Target[ChatProvider], prompt: ChatRequest, schema: Schema | None, way: _Way[ChatProvider]
    ) -> Completion:
        async def call(provider: ChatProvider, asked: Asked) -> Completion:
            completion = await provider.complete(_for(prompt, asked), asked.timeout)
            target.health.reading.record(completion.reading)
            return completion

        return await structured.checked(await self._asked(target, call, way), prompt, schema)

    async def _repaired(
        self,
        target: Target[ChatProvider],
        prompt: ChatRequest,
        schema: Schema | None,
        wrong: Completion,
        way: _Way[ChatProvider],
        began: float,
    ) -> Completion:
        """Return the answer that a model gives when it is told what was wrong with its first one.

        Raises:
            FailedPrecondition: that does not match either, or there is no time or money for another call.
        """
        now, provider = asyncio.get_running_loop().time(), target.served.provider
        if prompt.n > 1:
            raise structured.does_not_match(wrong, provider, "SEVERAL_ANSWERS")
        if way.deadline - now < now - began:
            raise structured.does_not_match(wrong, provider, "DEADLINE_NEAR")
        again = structured.repair_prompt(prompt, wrong)
        # The rest is for saying so where that fails.
        second = replace(way, need=need_of_chat(again), deadline=now + _REPAIR_SHARE * (way.deadline - now))
        try:
            answer = await self._answer(target, again, schema, second)
        except TikuError as error:
            raise structured.does_not_match(wrong, provider, error.reason) from error
        answer = structured.repaired(wrong, answer)
        if answer.check is None:
            raise structured.does_not_match(wrong, provider, answer.reason.upper())
        if answer.check.broken_rules:
            raise structured.does_not_match(answer, provider)
        return answer

    async def _events(
        self, target: Target[ChatProvider], prompt: ChatRequest, way: _Way[ChatProvider]
    ) -> AsyncGenerator[_Event, None]:
        """Yield what one target answers, within its own limits of time, and with who it is at the end."""
        provider, health, loop = target.backend.provider, target.health, asyncio.get_running_loop()
        between, finish = provider.between_tokens_timeout_seconds, None
        async with (
            target.backend.capacity.admitted(_time_left(way.deadline), way.need.tokens) as settle,
            self._ledger.call(target.offer, way.need, _time_left(way.deadline), self._operation) as spent,
        ):
            left = min(_time_left(way.deadline), provider.total_timeout_seconds)
            ends = loop.time() + left
            asked = Asked(target.model.name, left, spent.max_output_tokens)
            async with aclosing(target.backend.engine.stream(_for(prompt, asked), left)) as stream:
                with (
                    health.judged(health.first_token, way.deadline) as verdict,
                    ReadWatch(provider.name) as watch,
                ):
                    watch.here()
                    watch.start(min(ends, loop.time() + provider.first_token_timeout_seconds))
                    async for event in stream:
                        watch.stop()
                        if isinstance(event, TextDelta):
                            spent.delta(event.pieces)
                            if not verdict.answered:
                                verdict.answer()
                                yield event
                                watch.here()  # Who hedges reads the first event in a task of its own.
                            else:
                                yield event
                        else:
                            spent.tokens = event.usage
                            health.reading.record(event.reading)
                            finish = replace(event, usage=event.usage or TokenUsage(0, spent.deltas))
                        watch.start(ends if between == inf else min(ends, loop.time() + between))
                    watch.stop()
                    if finish is None:
                        raise faults.unavailable(provider.name, "the stream ended before the answer did")
            if spent.tokens is not None:
                settle(spent.tokens.total_tokens)
        yield finish, target.served


@dataclass(frozen=True, slots=True)
class _Way(Generic[EngineT]):
    """How one call goes: the targets of its model, which of them were tried, and the time of all of it."""

    path: Path[EngineT]
    tries: Tries[EngineT]
    need: Need
    deadline: float


_Event = TextDelta | tuple[ChatFinish, Served]
_Begun = tuple[_Event, AsyncGenerator[_Event, None]]


async def _begun(events: AsyncGenerator[_Event, None]) -> _Begun:
    """Return the first event of a stream, and the stream behind it."""
    try:
        return await anext(events), events
    except BaseException:
        await events.aclose()
        raise


async def _closed(begun: _Begun) -> None:
    await begun[1].aclose()


async def _nothing(_: object) -> None:
    """Do nothing: a whole answer holds no connection."""


def _for(prompt: ChatRequest, asked: Asked) -> ChatRequest:
    """Return what a target is asked; what a call may write is shared by the answers that it asks for."""
    most = asked.max_output_tokens
    if (prompt.model, prompt.max_tokens) == (asked.model, most) and prompt.n == 1:
        return prompt
    return replace(prompt, model=asked.model, max_tokens=None if most is None else max(1, most // prompt.n))


def _time_left(deadline: float) -> float:
    """Return the seconds until an instant on the loop's clock."""
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        raise DeadlineExceeded("The deadline passed before the model was asked.", reason="DEADLINE_PASSED")
    return left
