"""What was spent, and what is set aside: tables `accounts`, `reservations`, `spending` and `batches`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any, Self

import orjson

from services.common.values import TokenUsage
from services.kit.database import Database, open_pool
from services.llm.adapters.stores.postgres.schema import SCHEMA
from services.llm.values.spending import Account, Balance, Caller, Charge, Exhausted, Limit, Line, Reserved, Spending

_RESERVE_CONNECTIONS = 2
_ADD = """
    INSERT INTO spending AS s
    SELECT * FROM unnest(
        $1::date[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[]
    )
    ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (day, user_id, key, organization, provider, model) DO UPDATE SET
        calls = s.calls + excluded.calls, failed = s.failed + excluded.failed,
        cancelled = s.cancelled + excluded.cancelled, estimated = s.estimated + excluded.estimated,
        prompt_tokens = s.prompt_tokens + excluded.prompt_tokens,
        cached_prompt_tokens = s.cached_prompt_tokens + excluded.cached_prompt_tokens,
        completion_tokens = s.completion_tokens + excluded.completion_tokens,
        cost_nanos = s.cost_nanos + excluded.cost_nanos
"""
_BATCHES_KEPT = timedelta(days=1)


class PostgresSpendingStore:
    """Spending in PostgreSQL; the functions of its migrations say how accounts are locked."""

    began: datetime | None = None

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    @asynccontextmanager
    async def open(
        cls, dsn: str, *, connections: int = 4, statement_timeout_seconds: float = 5.0
    ) -> AsyncIterator[Self]:
        """Connect to the database at `dsn`, whose migrations were applied."""
        async with (
            open_pool(
                dsn,
                application_name="tiku-llm",
                schema=SCHEMA,
                max_size=connections,
                command_timeout=statement_timeout_seconds,
                reset=False,
            ) as pool,
            # What calls have cost is written on a disk that is nearly full, too: budgets hold by it.
            open_pool(
                dsn,
                application_name="tiku-llm",
                schema=SCHEMA,
                max_size=_RESERVE_CONNECTIONS,
                command_timeout=statement_timeout_seconds,
                reset=False,
                reserve=True,
            ) as reserve,
        ):
            yield cls(Database(pool, reserve))

    async def reserve(
        self,
        call_id: str,
        limits: Sequence[Limit],
        least_nanos: int,
        most_nanos: int,
        seconds: float,
        ahead_nanos: int = 0,
    ) -> Reserved | Exhausted:
        """See `SpendingStore`; a refusal is tried once more after what dead processes had set aside was given back."""
        wanted = _json([_account(limit.account) | {"limit_nanos": limit.limit_nanos} for limit in limits])
        values = call_id, wanted, least_nanos, most_nanos, timedelta(seconds=seconds), ahead_nanos
        granted, refused_by, left = await self._reserve(*values)
        if granted is None and await self._database.fetchval("SELECT give_back_expired()"):
            granted, refused_by, left = await self._reserve(*values)
        return Exhausted(limits[refused_by], left) if granted is None else Reserved(granted)

    async def _reserve(self, *values: object) -> Any:
        return await self._database.fetchrow("SELECT * FROM reserve($1, $2::text::jsonb, $3, $4, $5, $6)", *values)

    async def write(self, batch_id: str, spending: Mapping[Line, Spending], charges: Sequence[Charge]) -> None:
        """See `SpendingStore`; one transaction."""
        async with self._database.reserve.acquire() as connection, connection.transaction():
            new = await connection.execute("INSERT INTO batches VALUES ($1) ON CONFLICT DO NOTHING", batch_id)
            if new == "INSERT 0 0":
                return
            await connection.execute("DELETE FROM batches WHERE written_at < now() - $1::interval", _BATCHES_KEPT)
            if spending:
                columns = zip(*(_row(line, spent) for line, spent in spending.items()), strict=True)
                await connection.execute(_ADD, *columns)
            if charges:
                ended = [
                    {
                        "call_id": charge.call_id,
                        "accounts": [_account(account) for account in charge.accounts],
                        "cost_nanos": charge.cost_nanos,
                        "kept_nanos": charge.kept_nanos,
                    }
                    for charge in charges
                ]
                await connection.execute("SELECT charge($1::text::jsonb)", _json(ended))

    async def spending(self, first: date, last: date) -> Mapping[Line, Spending]:
        """See `SpendingStore`."""
        rows = await self._database.fetch(
            "SELECT * FROM spending WHERE day BETWEEN $1 AND $2 ORDER BY day, provider, model, user_id", first, last
        )
        return {
            Line(r["day"], Caller(r["user_id"], r["key"], r["organization"]), r["provider"], r["model"]): Spending(
                r["calls"],
                r["failed"],
                r["cancelled"],
                r["estimated"],
                TokenUsage(r["prompt_tokens"], r["completion_tokens"], r["cached_prompt_tokens"] or None),
                r["cost_nanos"],
            )
            for r in rows
        }

    async def balances(self, accounts: Sequence[Account]) -> Sequence[Balance]:
        """See `SpendingStore`."""
        rows = await self._database.fetch(
            "SELECT coalesce(a.spent_nanos, 0), coalesce(a.reserved_nanos, 0) "
            "FROM unnest($1::text[], $2::text[], $3::text[], $4::date[]) WITH ORDINALITY "
            "AS w (scope, name, period, starts, place) LEFT JOIN accounts AS a USING (scope, name, period, starts) "
            "ORDER BY w.place",
            *([getattr(account, field) for account in accounts] for field in ("scope", "name", "period", "starts")),
        )
        return [Balance(*row) for row in rows]


def _account(account: Account) -> dict[str, object]:
    return {"scope": account.scope, "name": account.name, "period": account.period, "starts": account.starts}


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _row(line: Line, spent: Spending) -> tuple[object, ...]:
    who, tokens = line.caller, spent.tokens
    return (
        *(line.day, who.user, who.key, who.organization, line.provider, line.model),
        *(spent.calls, spent.failed, spent.cancelled, spent.estimated),
        *(tokens.prompt_tokens, tokens.cached_prompt_tokens or 0, tokens.completion_tokens, spent.cost_nanos),
    )
