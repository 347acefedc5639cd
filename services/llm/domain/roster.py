"""The chat providers that are in use, replaced as a whole while calls are in flight."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Self

from services.llm.domain.capacity import Capacity
from services.llm.domain.health import Health
from services.llm.domain.targets import Backend, RoutingTable, routing_table
from services.llm.ports import ChatProvider
from services.llm.values.providers import Provider, Providers

logger = logging.getLogger(__name__)

Open = Callable[[Provider], AbstractAsyncContextManager[ChatProvider]]


@dataclass(slots=True, eq=False)
class _Live:
    """An open provider, and how many tables lead to it."""

    provider: Provider
    engine: ChatProvider
    capacity: Capacity
    resources: AsyncExitStack
    health: dict[str, Health] = field(default_factory=dict)
    tables: int = 0


@dataclass(slots=True, eq=False)
class _Generation:
    """A table, the providers that it leads to, and the calls that use it."""

    table: RoutingTable[ChatProvider] = field(default_factory=RoutingTable)
    lives: Sequence[_Live] = ()
    calls: int = 0


class Roster:
    """Holds the table that calls are routed by, and closes a provider once no call can reach it any more.

    A provider whose address and key stay keeps its connections over a replacement, and one whose limits stay keeps
    what it counted.
    """

    def __init__(self, open_provider: Open, capacity_of: Callable[[Provider], Capacity]) -> None:
        self._open_provider = open_provider
        self._capacity_of = capacity_of
        self._replacing = asyncio.Lock()
        self._now = _Generation()
        self.configured = Providers()
        """What the table of now was made of."""
        self._lives: list[_Live] = []
        self._closing: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, open_provider: Open, capacity_of: Callable[[Provider], Capacity]) -> AsyncIterator[Self]:
        """Open a roster without providers; what it holds closes with the block."""
        roster = cls(open_provider, capacity_of)
        try:
            yield roster
        finally:
            await asyncio.gather(*roster._closing, *(roster._close(live) for live in roster._lives))

    @property
    def table(self) -> RoutingTable[ChatProvider]:
        """The table of now, to be looked at; a call has to hold it."""
        return self._now.table

    @contextmanager
    def held(self) -> Iterator[RoutingTable[ChatProvider]]:
        """Hold the table for a call: what it leads to stays open until the block ends."""
        generation = self._now
        generation.calls += 1
        try:
            yield generation.table
        finally:
            generation.calls -= 1
            if not generation.calls and generation is not self._now:
                self._release(generation)

    async def replace(self, configured: Providers) -> None:
        """Route by another configuration from now on; calls in flight end on that which they began with.

        Where a provider cannot be opened, its error is raised and everything stays as it was.
        """
        async with self._replacing:
            opened: list[_Live] = []
            try:
                lives = []
                for provider in configured.providers:
                    live = self._kept(provider)
                    if live is None:
                        live = await self._opened(provider)
                        opened.append(live)
                    lives.append(live)
            except BaseException:
                await asyncio.gather(*(self._close(live) for live in opened))
                raise
            self._lives += opened
            self._adopt(configured, lives)

    def _adopt(self, configured: Providers, lives: Sequence[_Live]) -> None:
        """Make the table of a configuration that of now."""
        for live, provider in zip(lives, configured.providers, strict=True):
            live.tables += 1
            if _limits(provider) != _limits(live.provider):
                live.capacity = self._capacity_of(provider)
            live.provider = provider
        backends = [Backend(live.provider, live.engine, live.capacity, live.health) for live in lives]
        self.configured = configured
        before, self._now = self._now, _Generation(routing_table(configured, backends), lives)
        if not before.calls:
            self._release(before)

    def _kept(self, provider: Provider) -> _Live | None:
        """Return the open provider of the same name and connection, if the table of now has one."""
        for live in self._now.lives:
            if _connection(live.provider) == _connection(provider):
                return live
        return None

    async def _opened(self, provider: Provider) -> _Live:
        async with AsyncExitStack() as resources:
            engine = await resources.enter_async_context(self._open_provider(provider))
            return _Live(provider, engine, self._capacity_of(provider), resources.pop_all())

    def _release(self, generation: _Generation) -> None:
        for live in generation.lives:
            live.tables -= 1
            if not live.tables:
                self._lives.remove(live)
                task = asyncio.create_task(self._close(live))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    async def _close(self, live: _Live) -> None:
        try:
            await live.resources.aclose()
        except Exception:
            logger.exception("a provider could not be closed", extra={"provider": live.provider.name})


def _connection(provider: Provider) -> tuple[object, ...]:
    key = provider.api_key.get_secret_value()
    return provider.name, provider.base_url, key, provider.connect_timeout_seconds, provider.dialect


def _limits(provider: Provider) -> tuple[object, ...]:
    return provider.requests_per_minute, provider.tokens_per_minute, provider.max_in_flight
