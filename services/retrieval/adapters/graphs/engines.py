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
    scans: bool
    """Whether it looks through the nodes of an owner without an index.

    ArcadeDB keeps all nodes of one value in one list, and each that goes costs a walk through it: with 10,000 passages
    of an owner, an index by owner takes most of the time of a deletion, and makes no statement of the store faster.
    """


def engine_of(agent: str) -> Engine:
    """Return the engine that calls itself `agent` over Bolt: "Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)"."""
    if found := _ARCADEDB.search(agent):
        return Engine("ArcadeDB", found[1], await_indexes=None, writers=1, readers=6, scans=True)
    found = _NEO4J.search(agent)
    version = found[1] if found else ""
    return Engine("Neo4j", version, await_indexes="CALL db.awaitIndexes(300)", writers=8, readers=20, scans=False)
