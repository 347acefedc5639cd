"""What differs between the engines that speak Bolt: Neo4j, and ArcadeDB, which presents itself as one."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ARCADEDB = re.compile(r"ArcadeDB ([\w.-]+)")
_NEO4J = re.compile(r"Neo4j/([\w.-]+)")


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine: its name and version, and what its Cypher lacks or adds."""

    name: str
    version: str
    await_indexes: str | None
    """The statement that waits until new indexes are filled; None where they are when they are made."""
    writers: int
    """Transactions of one process that may write at once.

    ArcadeDB refuses the second of two that change one page, whatever records they change on it; Neo4j lets it wait.
    """
    readers: int
    """Transactions of one process that may read at once, beside statements of callers.

    ArcadeDB runs 4 on two cores, lets 8 wait, and refuses the rest: to try again costs more than to wait here.
    """


def engine_of(agent: str) -> Engine:
    """Return the engine that calls itself `agent` over Bolt: "Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)"."""
    if found := _ARCADEDB.search(agent):
        return Engine("ArcadeDB", found[1], await_indexes=None, writers=1, readers=6)
    found = _NEO4J.search(agent)
    return Engine("Neo4j", found[1] if found else "", await_indexes="CALL db.awaitIndexes(300)", writers=8, readers=20)
