"""What calls to providers may cost, and what they came to.

Where budgets hold for a call, the most that it can cost is set aside before a provider hears of it, and when it has
ended the rest is given back. Where much is left of a budget, money is set aside for several calls at once. What calls
came to is written behind them, several at once: nobody waits for it, least of all a call that was canceled. Until then
the money that was set aside covers it.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import partial
from time import monotonic

from services.common.values import TokenUsage
from services.kit import tracing
from services.kit.brackets import Bracket
from services.kit.errors import DeadlineExceeded, FailedPrecondition, ResourceExhausted, TikuError
from services.llm.domain import faults
from services.llm.domain.budgets import RememberedLimits, seconds_until_renewed
from services.llm.domain.measures import Measures, ModelMeasures
from services.llm.domain.need import Need
from services.llm.domain.purses import Purse, Purses
from services.llm.ports import SpendingStore
from services.llm.values.prices import Offer
from services.llm.values.spending import Budget, Caller, Charge, Exhausted, Limit, Line, Period, Spending

_UNLIMITED_NANOS = 2**62
"""More than any budget."""
_LEASE_GRACE_SECONDS = 60.0
"""How much longer money is set aside than its call may take, so that only a dead process loses it."""
_AHEAD_CALLS = 64
"""For as many further calls money is set aside, where much is left."""
_PURSE_SECONDS = 60.0
"""How much longer it is set aside than the first call may take."""
_GATHER_SECONDS = 1.0
"""How long the ends of calls gather before they are written."""
_GATHER_CHARGES_SECONDS = 0.05
"""The same where money is set aside that others may wait for."""
_RETRY_SECONDS = 1.0
_PERIODS = {Period.DAY: "daily", Period.MONTH: "monthly", Period.TOTAL: "total"}

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Spent:
    """What a call under way has cost."""

    measures: ModelMeasures
    max_output_tokens: int | None = None
    """The most that the model may write so that budgets hold; None for no limit."""
    tokens: TokenUsage | None = None
    """The provider's own count."""
    deltas: int = 0
    """Pieces of a stream that came, each about one token."""
    clock: Callable[[], float] = monotonic
    last: float = 0.0
    """When the call was sent, or the last piece of it came."""

    def delta(self, pieces: int = 1) -> None:
        """Count pieces of a stream that came together."""
        now = self.clock()
        (self.measures.between_tokens if self.deltas else self.measures.first_token).add(now - self.last)
        self.measures.between_tokens.add_zeros(pieces - 1)
        self.last = now
        self.deltas += pieces


@dataclass(slots=True)
class _Tally:
    """What calls came to, counted up."""

    calls: int = 0
    failed: int = 0
    canceled: int = 0
    estimated: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_prompt_tokens: int = 0
    cost_nanos: int = 0

    def add(self, tokens: TokenUsage, cost_nanos: int, *, failed: bool, canceled: bool, estimated: bool) -> None:
        """Count the end of a call."""
        self.calls += 1
        self.failed += failed
        self.canceled += canceled
        self.estimated += estimated
        self.prompt_tokens += tokens.prompt_tokens
        self.completion_tokens += tokens.completion_tokens
        self.cached_prompt_tokens += tokens.cached_prompt_tokens or 0
        self.cost_nanos += cost_nanos

    def spending(self) -> Spending:
        """Return what stores keep; they tell no count from none."""
        tokens = TokenUsage(self.prompt_tokens, self.completion_tokens, self.cached_prompt_tokens or None)
        return Spending(self.calls, self.failed, self.canceled, self.estimated, tokens, self.cost_nanos)


@dataclass(slots=True)
class _Waiting:
    """Ends of calls that are not written yet, as a batch of its own."""

    tallies: dict[Line, _Tally] = field(default_factory=dict)
    charges: list[Charge] = field(default_factory=list)
    """Of calls that had money of their own."""
    settled: dict[str, Charge] = field(default_factory=dict)
    """Of purses, by their ids."""
    batch_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __bool__(self) -> bool:
        return bool(self.tallies or self.charges or self.settled)

    def settle(self, charge: Charge) -> None:
        """Add what calls of a purse have cost to what it has to be charged anyway."""
        if before := self.settled.get(charge.call_id):
            charge = replace(charge, cost_nanos=charge.cost_nanos + before.cost_nanos)
        self.settled[charge.call_id] = charge


_End = Callable[[int], None]
"""Ends a call for which money was set aside, given what it has cost."""


@dataclass(slots=True, kw_only=True)
class _Call(Spent):
    """A call under way, and what its end has to know."""

    caller: Caller
    offer: Offer
    need: Need
    end: _End
    span: tracing.Span
    began: float = 0.0
    """On its clock."""


class Ledger:
    """Sets money aside for calls, and counts every call that reached a provider, once, when it ends.

    Args:
        store: where both are kept.
        budgets: those of now, asked at each call.
        caller: on whose behalf the current task makes its calls.
        now: the time, in UTC.
    """

    def __init__(
        self,
        store: SpendingStore,
        budgets: Callable[[], Sequence[Budget]] = tuple,
        caller: Callable[[], Caller] = lambda: Caller(""),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._budgets = budgets
        self._caller = caller
        self._now = now
        self.measures: Measures = {}
        """How fast models answered, and what their calls used and cost."""
        self._limits = RememberedLimits()
        self._purses = Purses()
        self._opening: dict[tuple[Limit, ...], asyncio.Event] = {}
        """Of purses that are being opened; set when they are, or cannot be."""
        self._waiting = _Waiting()
        self._batch = _Waiting()
        self._has_waiting = asyncio.Event()
        self._writing = asyncio.Lock()

    def call(
        self, offer: Offer, need: Need, timeout: float, operation: str = "chat"
    ) -> AbstractAsyncContextManager[Spent]:
        """Set aside what the call in the block may cost at most, and count what it came to however it ends.

        `operation` is what OpenTelemetry's conventions call it.

        Raises:
            ResourceExhausted: a budget does not allow the call; reason BUDGET_EXHAUSTED.
            FailedPrecondition: a budget holds for the call, and nobody said what the model costs.
            Unavailable: a budget holds for the call, and the store cannot be reached.
        """
        return Bracket(partial(self._begun, offer, need, timeout, operation), self._ended)

    async def _begun(self, offer: Offer, need: Need, timeout: float, operation: str) -> _Call:
        caller, most_tokens = self._caller(), need.max_output_tokens
        end: _End = _nothing
        limits = self._limits.of(self._budgets(), caller, offer.model, self._now().date())
        if limits:
            most_tokens, end = await self._reserved(limits, offer, need, timeout)
        model = offer.provider, offer.model
        measures = self.measures.get(model) or self.measures.setdefault(model, ModelMeasures())
        span = tracing.span(f"{operation} {offer.model}", "CLIENT", _attributes(operation, offer)).__enter__()
        call = _Call(
            measures=measures,
            max_output_tokens=most_tokens,
            caller=caller,
            offer=offer,
            need=need,
            end=end,
            span=span,
        )
        call.began = call.last = call.clock()
        return call

    def _ended(self, call: _Call, error: BaseException | None) -> None:
        offer, failed = call.offer, isinstance(error, Exception)
        canceled = error is not None and not failed
        tokens = _tokens(call, error)
        cost = offer.price.cost_nanos(*_counts(tokens)) if offer.price else 0
        call.span.set("gen_ai.usage.input_tokens", tokens.prompt_tokens)
        call.span.set("gen_ai.usage.output_tokens", tokens.completion_tokens)
        call.span.__exit__(None, error, None)
        call.measures.ended(call.clock() - call.began, tokens, cost, failed=failed, canceled=canceled)
        line = Line(self._now().date(), call.caller, offer.provider, offer.model)
        tally = self._waiting.tallies.get(line) or self._waiting.tallies.setdefault(line, _Tally())
        estimated = call.tokens is None and tokens.total_tokens > 0
        tally.add(tokens, cost, failed=failed, canceled=canceled, estimated=estimated)
        call.end(cost)
        self._has_waiting.set()

    async def spending(self, first: date, last: date) -> tuple[Mapping[Line, Spending], datetime]:
        """Return what calls came to that ended from day `first` to day `last` in UTC, and since when they count."""
        await self._write()
        spending = await self._store.spending(first, last)
        if self._store.began:
            return spending, self._store.began
        day = min((line.day for line in spending), default=self._now().date())
        return spending, datetime.combine(day, time(), UTC)

    async def run(self) -> None:
        """Write the ends of calls, as long as the service runs, and what is left when it ends."""
        try:
            while True:
                await self._has_waiting.wait()
                await asyncio.sleep(_GATHER_CHARGES_SECONDS if self._waiting.charges else _GATHER_SECONDS)
                try:
                    # A statement that is canceled leaves its connection of no use to the last write for a while.
                    await asyncio.shield(self._write())
                except TikuError as error:
                    logger.warning("spending is not written yet", extra={"error": str(error)})
                    await asyncio.sleep(_RETRY_SECONDS)
                    self._has_waiting.set()
        finally:
            try:
                await self._write(closing=True)
                while self._waiting:  # Calls that ended meanwhile.
                    await self._write(closing=True)
            except TikuError as error:
                logger.error("the last spending is lost", extra={"error": str(error)})

    async def _reserved(
        self, limits: tuple[Limit, ...], offer: Offer, need: Need, timeout: float
    ) -> tuple[int | None, _End]:
        """Set money aside.

        Return how many tokens the model may write for it, None for as many as it likes, and what ends the call.
        """
        price = offer.price
        if price is None:
            raise FailedPrecondition(
                f"A budget holds for this call, and the price of {offer.model!r} is not known.",
                reason=faults.MODEL_WITHOUT_PRICE,
                metadata={"model": offer.model, "provider": offer.provider},
            )
        reading = need.most_input_tokens * max(price.input_nanos_per_token, price.cached_input_nanos_per_token)
        each, most_tokens = price.output_nanos_per_token, need.max_output_tokens
        if most_tokens is None and each:
            granted, end = await self._reserve(limits, reading + each, _UNLIMITED_NANOS, timeout)
            return (granted - reading) // each, end
        nanos = reading + (most_tokens or 0) * each
        return most_tokens, self._drawn(limits, nanos, timeout) or await self._opened(limits, nanos, timeout)

    def _drawn(self, limits: tuple[Limit, ...], nanos: int, timeout: float) -> _End | None:
        """Set money aside that this process has, if it has enough; return what ends the call."""
        until = asyncio.get_running_loop().time() + timeout + _LEASE_GRACE_SECONDS
        purse = self._purses.drawn(limits, nanos, until)
        return None if purse is None else partial(purse.end, nanos)

    async def _opened(self, limits: tuple[Limit, ...], nanos: int, timeout: float) -> _End:
        """Set money aside for a call, and for others of the same accounts where much is left."""
        if opening := self._opening.get(limits):
            # Calls that begin together open one purse together. Where little is left, none is opened.
            await opening.wait()
            if end := self._drawn(limits, nanos, timeout):
                return end
            return (await self._reserve(limits, nanos, nanos, timeout))[1]
        opened = self._opening[limits] = asyncio.Event()
        try:
            return (await self._reserve(limits, nanos, nanos, timeout, ahead=_AHEAD_CALLS * nanos))[1]
        finally:
            del self._opening[limits]
            opened.set()

    async def _reserve(
        self, limits: tuple[Limit, ...], least: int, most: int, timeout: float, ahead: int = 0
    ) -> tuple[int, _End]:
        """Have the store set money aside; return how much the call has of it, and what ends the call."""
        call_id, accounts = str(uuid.uuid4()), [limit.account for limit in limits]
        lease = timeout + _LEASE_GRACE_SECONDS + (_PURSE_SECONDS if ahead else 0.0)
        until = asyncio.get_running_loop().time() + lease

        def end(cost: int) -> None:
            self._waiting.charges.append(Charge(call_id, accounts, cost))
            self._has_waiting.set()

        try:
            found = await self._store.reserve(call_id, limits, least, most, lease, ahead)
            if isinstance(found, Exhausted) and (self._waiting.charges or self._batch or self._purses):
                # What calls that have just ended give back, and what is set aside for calls to come.
                await self._write(closing=True)
                found = await self._store.reserve(call_id, limits, least, most, lease)
        except asyncio.CancelledError:
            end(0)  # The store may have set the money aside all the same.
            raise
        if isinstance(found, Exhausted):
            raise _exhausted(found, least, self._now())
        if not ahead or found.nanos == most:
            return found.nanos, end
        purse = Purse(call_id, accounts, found.nanos, until)
        self._purses.add(limits, purse)
        purse.draw(most)
        return most, partial(purse.end, most)

    async def _write(self, *, closing: bool = False) -> None:
        """Write what waits now; what cannot be written waits on, as the same batch.

        What comes meanwhile waits for the next time: where calls end all the time, this would never be done.
        `closing` gives back what is set aside for calls to come.
        """
        async with self._writing:
            for charge in self._purses.settle(closing=closing):
                self._waiting.settle(charge)
            if self._batch:
                await self._write_batch()
            if self._waiting:
                self._batch, self._waiting = self._waiting, _Waiting()
                self._has_waiting.clear()
                await self._write_batch()
            if self._purses:
                self._has_waiting.set()

    async def _write_batch(self) -> None:
        charges = [*self._batch.charges, *self._batch.settled.values()]
        spending = {line: tally.spending() for line, tally in self._batch.tallies.items()}
        await self._store.write(self._batch.batch_id, spending, charges)
        self._batch = _Waiting()


def _nothing(_: int) -> None:
    """End a call for which no money was set aside."""


def _attributes(operation: str, offer: Offer) -> dict[str, tracing.Value]:
    """Return the attributes of a call's span."""
    if not tracing.on():
        return {}
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": offer.provider,
        "gen_ai.request.model": offer.model,
    }


def _tokens(call: _Call, error: BaseException | None) -> TokenUsage:
    """Return the provider's own count; without one, what it will have counted.

    A call that failed before a word came has cost nothing, unless its time ran out: then the provider was at work.
    """
    if call.tokens is not None:
        return call.tokens
    if isinstance(error, Exception) and not call.deltas and not isinstance(error, DeadlineExceeded):
        return TokenUsage()
    return TokenUsage(call.need.input_tokens, call.deltas)


def _counts(tokens: TokenUsage) -> tuple[int, int, int]:
    return tokens.prompt_tokens, tokens.completion_tokens, tokens.cached_prompt_tokens or 0


def _exhausted(found: Exhausted, least_nanos: int, now: datetime) -> ResourceExhausted:
    account = found.limit.account
    whose = f"{account.scope} {account.name!r}" if account.name else "all calls"
    return ResourceExhausted(
        f"The {_PERIODS[account.period]} budget of {whose} does not allow this call.",
        reason=faults.BUDGET_EXHAUSTED,
        metadata={
            "scope": account.scope,
            "name": account.name,
            "period": account.period,
            "limit_nanos": str(found.limit.limit_nanos),
            "left_nanos": str(max(0, found.left_nanos)),
            "needed_nanos": str(least_nanos),
        },
        retry_after=seconds_until_renewed(account, now),
    )
