"""What backups of the whole stack ask of the graph, across owners: what people decided, which no document holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import NamedTuple

from services.retrieval.adapters.graphs import statements
from services.retrieval.adapters.graphs.neo4j import Neo4jGraphStore, decided_link
from services.retrieval.values.graph import Link

_PAGE_DECISIONS = 1000
_PAGE_NODES = 1000


class OwnedDecision(NamedTuple):
    """Somebody's word that two entities are one, or are not, and whose it is."""

    owner: str
    link: Link


class Neo4jGraphUpkeep(Neo4jGraphStore):
    """The graphs of all owners."""

    async def decisions(self) -> AsyncGenerator[list[OwnedDecision], None]:
        """Yield all decisions, page by page."""
        last = ""
        while rows := await self._read_rows(statements.ALL_DECISIONS, after=last, limit=_PAGE_DECISIONS):
            yield [OwnedDecision(row["owner"], decided_link(row)) for row in rows]
            last = rows[-1]["id"]

    async def counts(self) -> dict[str, int]:
        """Return how many nodes there are of each kind that has any."""
        rows = {label: await self._read_rows(text) for label, text in statements.ALL_COUNTS.items()}
        return {label: found[0]["n"] for label, found in rows.items() if found[0]["n"]}

    async def clear(self) -> None:
        """Remove the graphs of all owners, some nodes a transaction."""
        for text in statements.CLEAR:
            while (await self._write_rows(text, limit=_PAGE_NODES))[0]["n"]:
                pass
