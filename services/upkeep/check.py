"""All checks, one after the other, and the mending of what they find."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from services.kit.migrations import migration_digest, read_migrations
from services.upkeep.checks import Checks, FindingKind
from services.upkeep.errors import UpkeepError
from services.upkeep.progress import Steps
from services.upkeep.servers import NEEDED_SCHEMAS, SCHEMAS, Servers

_MOST_EXAMPLES = 3


@dataclass(slots=True)
class Found:
    """How many findings of one kind there are, some of them, and how many were mended."""

    count: int = 0
    mended: int = 0
    examples: list[str] = field(default_factory=list)


async def check(
    servers: Servers, steps: Steps, *, deep: bool = False, repair: bool = False
) -> Mapping[FindingKind, Found]:
    """Return what the stores disagree on, and with `repair` mend it; `deep` reads every file.

    Raises:
        UpkeepError: the database is not of this version, or half restored.
    """
    async with AsyncExitStack() as stack:
        tables = await stack.enter_async_context(servers.tables())
        if unfinished := await tables.unfinished_restore():
            raise UpkeepError(f"a restore of {unfinished} was cut off: run `tiku restore` again first")
        applied, expected = await tables.migrations(), await asyncio.to_thread(_expected)
        if applied != {
            schema: names for schema, names in expected.items() if schema in applied.keys() | NEEDED_SCHEMAS
        }:
            raise UpkeepError("the database is not of this version: `tiku up` or `tiku migrate` brings it up to date")
        docs = await stack.enter_async_context(servers.open_docs())
        exercises = await stack.enter_async_context(servers.open_exercises())
        objects = await stack.enter_async_context(servers.open_objects())
        vectors = await stack.enter_async_context(servers.open_vectors())
        found: dict[FindingKind, Found] = {}
        for findings in Checks(docs, exercises, objects, vectors, steps).all(deep=deep):
            # Mended after its check has ended: a check reads what mending changes.
            gathered = [finding async for finding in findings]
            for finding in gathered:
                of_kind = found.setdefault(finding.kind, Found())
                of_kind.count += 1
                if len(of_kind.examples) < _MOST_EXAMPLES:
                    of_kind.examples.append(finding.what)
                if repair and finding.mend is not None:
                    await finding.mend()
                    of_kind.mended += 1
        return found


def _expected() -> dict[str, dict[str, str]]:
    return {
        schema: {name: migration_digest(text) for name, text in read_migrations(folder)}
        for schema, folder in SCHEMAS.items()
    }
