"""What calls to providers may cost, and what they came to.

Where budgets hold for a call, the most that it can cost is set aside before a provider hears of it, and when it has
ended the rest is given back. What calls came to is written behind them, several at once: nobody waits for it, least of
all a call that was canceled. Until then the money that was set aside covers it.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from time import monotonic

from services.common.values import TokenUsage
from services.kit import tracing
from services.kit.errors import DeadlineExceeded, FailedPrecondition, ResourceExhausted, TikuError
from services.llm.domain import faults
from services.llm.domain.budgets import limits_of, seconds_until_renewed
from services.llm.domain.measures import Measures, ModelMeasures
from services.llm.domain.need import Need
from services.llm.ports import SpendingStore
from services.llm.values.prices import Offer
from services.llm.values.spending import Budget, Caller, Charge, Exhausted, Limit, Line, Period, Spending

_UNLIMITED_NANOS = 2**62
"""More than any budget."""
_LEASE_GRACE_SECONDS = 60.0
"""How much longer money is set aside than its call may take, so that only a dead process loses it."""
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

    max_output_tokens: int | None = None
    """The most that the model may write so that budgets hold; None for no limit."""
    tokens: TokenUsage | None = None
    """The provider's own count."""
    deltas: int = 0
    """Pieces of a stream that came, each about one token."""
    measures: ModelMeasures = field(default_factory=ModelMeasures)
    clock: Callable[[], float] = monotonic
    last: float = 0.0
    """When the call was sent, or the last piece of it came."""

    def delta(self) -> None:
        """Count a piece of a stream."""
        now = self.clock()
        (self.measures.between_tokens if self.deltas else self.measures.first_token).add(now - self.last)
        self.last = now
        self.deltas += 1


@dataclass(slots=True)
class _Waiting:
    """Ends of calls that are not written yet, as a batch of its own."""

    spending: dict[Line, Spending] = field(default_factory=dict)
    charges: list[Charge] = field(default_factory=list)
    batch_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __bool__(self) -> bool:
        return bool(self.spending or self.charges)


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
        self._waiting = _Waiting()
        self._batch = _Waiting()
        self._has_waiting = asyncio.Event()
        self._writing = asyncio.Lock()

    @asynccontextmanager
    async def call(self, offer: Offer, need: Need, timeout: float, operation: str = "chat") -> AsyncIterator[Spent]:
        """Set aside what the call in the block may cost at most, and count what it came to however it ends.

        `operation` is what OpenTelemetry's conventions call it.

        Raises:
            ResourceExhausted: a budget does not allow the call; reason BUDGET_EXHAUSTED.
            FailedPrecondition: a budget holds for the call, and nobody said what the model costs.
            Unavailable: a budget holds for the call, and the store cannot be reached.
        """
        caller, now = self._caller(), self._now()
        limits = limits_of(self._budgets(), caller, offer.model, now.date())
        call_id = str(uuid.uuid4()) if limits else ""
        accounts = [limit.account for limit in limits]
        spent, failed, cancelled = Spent(need.max_output_tokens), None, True
        try:
            if limits:
                spent.max_output_tokens = await self._reserved(call_id, limits, offer, need, timeout)
        except asyncio.CancelledError:
            # The store may have set the money aside all the same.
            self._end(_Waiting(charges=[Charge(call_id, accounts, 0)]))
            raise
        spent.measures = self.measures.setdefault((offer.provider, offer.model), ModelMeasures())
        began = spent.last = spent.clock()
        try:
            with tracing.span(f"{operation} {offer.model}", "CLIENT", _attributes(operation, offer)) as span:
                try:
                    yield spent
                    cancelled = False
                except Exception as error:
                    failed, cancelled = error, False
                    raise
                finally:
                    tokens = _tokens(spent, need, failed)
                    cost = offer.price.cost_nanos(*_counts(tokens)) if offer.price else 0
                    span.set("gen_ai.usage.input_tokens", tokens.prompt_tokens)
                    span.set("gen_ai.usage.output_tokens", tokens.completion_tokens)
        finally:
            spent.measures.ended(spent.clock() - began, tokens, cost, failed=failed is not None, canceled=cancelled)
            line = Line(self._now().date(), caller, offer.provider, offer.model)
            estimated = spent.tokens is None and tokens.total_tokens > 0
            spending = Spending(1, int(failed is not None), int(cancelled), int(estimated), tokens, cost)
            charges = [Charge(call_id, accounts, cost)] if limits else []
            self._end(_Waiting({line: spending}, charges))

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
                    await self._write()
                except TikuError as error:
                    logger.warning("spending is not written yet", extra={"error": str(error)})
                    await asyncio.sleep(_RETRY_SECONDS)
                    self._has_waiting.set()
        finally:
            try:
                await self._write()
            except TikuError as error:
                logger.error("the last spending is lost", extra={"error": str(error)})

    async def _reserved(
        self, call_id: str, limits: Sequence[Limit], offer: Offer, need: Need, timeout: float
    ) -> int | None:
        """Set money aside; return how many tokens the model may write for it, None for as many as it likes."""
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
            least, most = reading + each, _UNLIMITED_NANOS
        else:
            least = most = reading + (most_tokens or 0) * each
        lease = timeout + _LEASE_GRACE_SECONDS
        found = await self._store.reserve(call_id, limits, least, most, lease)
        if isinstance(found, Exhausted) and (self._waiting.charges or self._batch.charges):
            # What calls that have just ended give back.
            await self._write()
            found = await self._store.reserve(call_id, limits, least, most, lease)
        if isinstance(found, Exhausted):
            raise _exhausted(found, least, self._now())
        return (found.nanos - reading) // each if most_tokens is None and each else most_tokens

    def _end(self, ended: _Waiting) -> None:
        for line, spending in ended.spending.items():
            self._waiting.spending[line] = self._waiting.spending.get(line, Spending()) + spending
        self._waiting.charges += ended.charges
        self._has_waiting.set()

    async def _write(self) -> None:
        """Write what waits; what cannot be written waits on, as the same batch."""
        async with self._writing:
            while self._batch or self._waiting:
                if not self._batch:
                    self._batch, self._waiting = self._waiting, _Waiting()
                    self._has_waiting.clear()
                await self._store.write(self._batch.batch_id, self._batch.spending, self._batch.charges)
                self._batch = _Waiting()


def _attributes(operation: str, offer: Offer) -> dict[str, tracing.Value]:
    """Return the attributes of a call's span."""
    if not tracing.on():
        return {}
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": offer.provider,
        "gen_ai.request.model": offer.model,
    }


def _tokens(spent: Spent, need: Need, error: Exception | None) -> TokenUsage:
    """Return the provider's own count; without one, what it will have counted.

    A call that failed before a word came has cost nothing, unless its time ran out: then the provider was at work.
    """
    if spent.tokens is not None:
        return spent.tokens
    if error is not None and not spent.deltas and not isinstance(error, DeadlineExceeded):
        return TokenUsage()
    return TokenUsage(need.input_tokens, spent.deltas)


def _counts(tokens: TokenUsage) -> tuple[int, int, int]:
    return tokens.prompt_tokens, tokens.completion_tokens, tokens.cached_prompt_tokens


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
