"""ChangeFeed about documents through LISTEN and NOTIFY: one connection a process, fanned out to whoever waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import asyncpg

from services.docs.adapters.stores.postgres import CHANNEL, DELETING

_RECONNECT_SECONDS = 1.0
_CONNECT_TIMEOUT = 5.0
# A half-open connection says nothing for ever; readers look for themselves this often.
_WAKE_SECONDS = 5.0

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Changes:
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    deleting: asyncio.Event = field(default_factory=asyncio.Event)


class PostgresChangeFeed:
    """Subscriptions to the notifications of `PostgresDocumentStore`. `run` must run for them to be fed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._subscriptions: dict[str, set[_Changes]] = {}

    @contextmanager
    def subscribe(self, document_id: str) -> Iterator[_Changes]:
        subscription = _Changes()
        peers = self._subscriptions.setdefault(document_id, set())
        peers.add(subscription)
        try:
            yield subscription
        finally:
            peers.discard(subscription)
            if not peers and self._subscriptions.get(document_id) is peers:
                del self._subscriptions[document_id]

    async def run(self) -> None:
        """Listens until cancelled, through lost connections."""
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                logger.warning(
                    "lost the connection for notifications", extra={"cause": f"{type(error).__name__}: {error}"}
                )
            self._wake_all()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen(self) -> None:
        lost = asyncio.Event()
        connection = await asyncpg.connect(
            self._dsn, timeout=_CONNECT_TIMEOUT, server_settings={"application_name": "tiku-docs-news"}
        )
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self._hear)
            while not lost.is_set():
                self._wake_all()
                try:
                    async with asyncio.timeout(_WAKE_SECONDS):
                        await lost.wait()
                except TimeoutError:
                    await connection.execute("SELECT 1", timeout=_CONNECT_TIMEOUT)
        finally:
            connection.terminate()

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        document_id, _, word = str(payload).partition(" ")
        for subscription in self._subscriptions.get(document_id, ()):
            subscription.changed.set()
            if word == DELETING:
                subscription.deleting.set()

    def _wake_all(self) -> None:
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.changed.set()
