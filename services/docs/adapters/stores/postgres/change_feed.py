"""Changes of documents through LISTEN and NOTIFY: one connection a process serves all who wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import asyncpg

from services.docs.adapters.stores.postgres.rows import CHANNEL, DELETING

_RECONNECT_SECONDS = 1.0
_CONNECT_SECONDS = 5.0
_WAKE_SECONDS = 5.0
"""A half-open connection never reports anything, so readers are woken this often to look for themselves."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Changes:
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    deleting: asyncio.Event = field(default_factory=asyncio.Event)


class PostgresChangeFeed:
    """Listens to the notifications of this package's stores while `run` runs."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._subscriptions: dict[str, set[_Changes]] = {}

    @contextmanager
    def subscribe(self, document_id: str) -> Iterator[_Changes]:
        """Signal the notifications about one document."""
        changes = _Changes()
        peers = self._subscriptions.setdefault(document_id, set())
        peers.add(changes)
        try:
            yield changes
        finally:
            peers.discard(changes)
            if not peers and self._subscriptions.get(document_id) is peers:
                del self._subscriptions[document_id]

    async def run(self) -> None:
        """Listen until cancelled; a lost connection is opened again."""
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
            self._dsn, timeout=_CONNECT_SECONDS, server_settings={"application_name": "tiku-docs-feed"}
        )
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self._on_notification)
            while not lost.is_set():
                self._wake_all()
                try:
                    async with asyncio.timeout(_WAKE_SECONDS):
                        await lost.wait()
                except TimeoutError:
                    await connection.execute("SELECT 1", timeout=_CONNECT_SECONDS)
        finally:
            connection.terminate()

    def _on_notification(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        document_id, _, word = str(payload).partition(" ")
        for changes in self._subscriptions.get(document_id, ()):
            changes.changed.set()
            if word == DELETING:
                changes.deleting.set()

    def _wake_all(self) -> None:
        for subscriptions in self._subscriptions.values():
            for changes in subscriptions:
                changes.changed.set()
