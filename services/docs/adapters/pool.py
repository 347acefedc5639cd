"""One way to open a pool of connections, until `services.kit.database` has it with this signature."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import asyncpg


def open_pool(
    dsn: str,
    *,
    application_name: str,
    max_size: int,
    min_size: int = 1,
    schema: str = "",
    command_timeout: float | None = None,
) -> AbstractAsyncContextManager[asyncpg.Pool]:
    """Open a pool whose statements find the tables of `schema`; `command_timeout` is in seconds, None for no limit."""
    server_settings = {"application_name": application_name}
    if schema:
        server_settings["search_path"] = schema
    return asyncpg.create_pool(
        dsn, min_size=min_size, max_size=max_size, command_timeout=command_timeout, server_settings=server_settings
    )
