"""Changes of documents through LISTEN and NOTIFY: one connection a process serves all who wait."""

from __future__ import annotations

import asyncio
import logging

import asyncpg

from services.docs.adapters.stores.postgres.rows import CHANNEL, DELETING
from services.docs.adapters.stores.subscriptions import Subscriptions

_RECONNECT_SECONDS = 1.0
_CONNECT_SECONDS = 5.0
_WAKE_SECONDS = 5.0
"""A half-open connection never reports anything, so readers are woken this often to look for themselves."""

logger = logging.getLogger(__name__)


class PostgresChangeFeed(Subscriptions):
    """Listens to the notifications of this package's stores while `run` runs."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self._dsn = dsn

    async def run(self) -> None:
        """Listen until canceled; a lost connection is opened again."""
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                logger.warning(
                    "lost the connection for notifications", extra={"error": f"{type(error).__name__}: {error}"}
                )
            self.wake_all()
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
                self.wake_all()
                try:
                    async with asyncio.timeout(_WAKE_SECONDS):
                        await lost.wait()
                except TimeoutError:
                    await connection.execute("SELECT 1", timeout=_CONNECT_SECONDS)
        finally:
            connection.terminate()

    def _on_notification(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        document_id, _, word = str(payload).partition(" ")
        self.publish(document_id, deleting=word == DELETING)
