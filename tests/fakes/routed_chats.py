"""A router over chat providers without a network."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import date
from typing import Any

from services.llm.adapters.stores.memory import MemorySpendingStore
from services.llm.domain import faults
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.capacity import Capacity
from services.llm.domain.health import Health
from services.llm.domain.ledger import Ledger
from services.llm.domain.rate_window import RateWindow
from services.llm.domain.routing import ChatRouter, FixedTable
from services.llm.domain.targets import Backend, Served, routing_table
from services.llm.domain.tries import RetryPolicy
from services.llm.ports import ChatProvider
from services.llm.values.chat import ChatFinish, ChatMessage, ChatRequest, Completion, Role, TextDelta
from services.llm.values.prices import Price
from services.llm.values.providers import Model, Provider, Providers, Route, Strategy
from services.llm.values.spending import Budget, Spending

MESSAGES = (ChatMessage(Role.USER, "Why?"),)


class RoutedChats:
    """Routes to fakes.

    Args:
        slots: calls that a provider gets at once; nobody waits for a slot.
        waiting: calls that may wait for one.
        limits: further fields of each provider that is not among `unlimited`.
        strategy: how the model `m` is served.
        price: what a token of any model costs.
        more: providers whose names are made.
        providers: each provider with the models that it serves.
    """

    def __init__(
        self,
        slots: int = 8,
        attempts: int = 3,
        *,
        waiting: int = 0,
        limits: Mapping[str, Any] | None = None,
        unlimited: Collection[str] = (),
        strategy: Strategy = Strategy.FALLBACK,
        grace: float = 1.0,
        longest_wait: float = 5.0,
        price: Price | None = None,
        budgets: Sequence[Budget] = (),
        more: Mapping[str, tuple[ChatProvider, list[str]]] | None = None,
        **providers: tuple[ChatProvider, list[str]],
    ) -> None:
        self.ledger = Ledger(MemorySpendingStore(), lambda: budgets)
        self.backends: list[Backend[ChatProvider]] = []
        for name, (engine, models) in {**providers, **(more or {})}.items():
            fields = limits if limits and name not in unlimited else {}
            served = tuple(Model(name=model, price=price) for model in models)
            provider = Provider(name=name, base_url="http://x", models=served, **fields)
            window = None
            if provider.requests_per_minute or provider.tokens_per_minute:
                window = RateWindow(
                    name, requests=provider.requests_per_minute, tokens=provider.tokens_per_minute, seconds=0.2
                )
            capacity = Capacity(Bulkhead(name, slots, max_waiting=waiting, max_wait_seconds=5), window)
            self.backends.append(Backend(provider, engine, capacity))
        routes = (Route(alias="m", strategy=strategy, grace_seconds=grace),) if strategy != Strategy.FALLBACK else ()
        configured = Providers(providers=tuple(backend.provider for backend in self.backends), routes=routes)
        retry = RetryPolicy(attempts, first_wait_seconds=0.001, longest_wait_seconds=longest_wait)
        tables = FixedTable(routing_table(configured, self.backends))
        self.router = ChatRouter(tables, self.ledger, retry, faults.NO_CHAT)

    def health(self, provider: str, model: str = "m") -> Health:
        """What is known of a model of a provider."""
        return next(one for one in self.backends if one.provider.name == provider).health[model]

    async def spent(self) -> dict[str, Spending]:
        """What each provider's calls came to."""
        spending, _ = await self.ledger.spending(date.min, date.max)
        spent: dict[str, Spending] = {}
        for line, came_to in spending.items():
            spent[line.provider] = spent.get(line.provider, Spending()) + came_to
        return spent

    async def stream(self, model: str = "", timeout: float = 5) -> list[TextDelta | tuple[ChatFinish, Served]]:
        """Every event of a stream."""
        async with aclosing(self.router.stream(ChatRequest(model, MESSAGES), timeout)) as events:
            return [event async for event in events]

    async def complete(self, model: str = "", timeout: float = 5) -> tuple[Completion, Served]:
        """One whole answer, and who gave it."""
        return await self.router.complete(ChatRequest(model, MESSAGES), timeout)
