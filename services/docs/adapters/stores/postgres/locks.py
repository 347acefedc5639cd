"""Locks across processes, as advisory locks of PostgreSQL sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self

import asyncpg

from services.kit import ids
from services.kit.database import Connection, losses_translated, open_pool

_CONNECTIONS = 32


class PostgresLocks:
    """Advisory locks; each keeps a connection while it is held, so they have a pool of their own."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.instance = ids.new_id()
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str) -> AsyncIterator[Self]:
        """Connect when the first lock is asked for, and hold the lock of this instance until the block ends."""
        async with open_pool(dsn, application_name="tiku-docs-locks", min_size=0, max_size=_CONNECTIONS) as pool:
            locks = cls(pool)
            async with locks.lock(f"instance:{locks.instance}"):
                yield locks

    @asynccontextmanager
    async def lock(self, name: str, *, wait: bool = True, unless: str = "") -> AsyncIterator[bool]:
        """Lock the hash of `name`, in a namespace of this service, and `unless` as one of many on the same session."""
        # The lock belongs to the session: it ends when asyncpg resets the released connection, or the process dies.
        async with AsyncExitStack() as stack:
            with losses_translated():
                connection = await stack.enter_async_context(self._pool.acquire())
                held = await _acquire(connection, f"docs:{name}", wait=wait, unless=unless and f"docs:{unless}")
            yield held


async def _acquire(connection: Connection, name: str, *, wait: bool, unless: str) -> bool:
    if unless and not await connection.fetchval("SELECT pg_try_advisory_lock_shared(hashtextextended($1, 0))", unless):
        return False
    if wait:
        await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", name)
        return True
    held: bool = await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name)
    return held
