"""What checks of the whole stack ask of the schema `exercises`, across owners."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from services.exercises.adapters.stores.postgres.stores import PostgresStores

_STATEMENT_TIMEOUT_SECONDS = 30.0
_PAGE = 500
_GRACE = timedelta(minutes=1)
"""How long a lease may have run out before its run counts as abandoned: a living service ends such runs sooner."""


@dataclass(frozen=True, slots=True)
class StoredQuote:
    """A question's quote, and the slice `[start, end)` of the text that it was taken from."""

    question_id: str
    document_id: str
    start: int
    end: int
    quote: str


class ExercisesUpkeep:
    """Finds what the tables of `exercises` promise and others do not keep."""

    def __init__(self, stores: PostgresStores) -> None:
        self._stores = stores
        self._database = stores.database

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str) -> AsyncIterator[Self]:
        """Connect to a database whose migrations were applied."""
        async with PostgresStores.open(
            dsn, connections=2, statement_timeout_seconds=_STATEMENT_TIMEOUT_SECONDS
        ) as stores:
            yield cls(stores)

    async def abandoned_runs(self) -> list[str]:
        """Return the runs that count as running, though no process has renewed their lease for a while."""
        rows = await self._database.fetch(
            "SELECT run_id::text FROM runs WHERE state = 'running' AND lease_until < now() - $1::interval", _GRACE
        )
        return [row[0] for row in rows]

    async def end_abandoned_runs(self) -> None:
        """End them as the service does: FAILED, with the questions that were made."""
        await self._stores.runs.expire()

    async def quotes(self) -> AsyncIterator[StoredQuote]:
        """Yield the quote of every question whose source is a document."""
        after: str | None = None
        while True:
            rows = await self._database.fetch(
                "SELECT question_id::text, body->'source'->>'document_id', (body->'source'->>'start')::integer, "
                "(body->'source'->>'end')::integer, body->'source'->>'quote' FROM questions "
                "WHERE $1::uuid IS NULL OR question_id > $1 ORDER BY question_id LIMIT $2",
                after,
                _PAGE,
            )
            for row in rows:
                if row[1]:
                    yield StoredQuote(*row)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]
