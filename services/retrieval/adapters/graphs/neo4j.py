"""A graph store behind Bolt: Neo4j, or ArcadeDB in its place (ADR 0049).

    (:Chunk)                                    a chunk that was added as a whole
    (:Sentence)-[:MENTIONS]->(:Entity)          a mention: where it stands, its surface, its kind
    (:Entity)<-[:FROM]-(:Relation)-[:TO]->(:Entity)
    (:Entity)<-[:FIRST]-(:Alias)-[:SECOND]->(:Entity)
    (:Decision)                                 somebody's word that two entities are one, or are not

All nodes but entities and decisions carry the document that they came with, and are deleted by it. An entity is there
as long as a mention leads to it. Every node carries its owner, and an edge ties two nodes of one owner.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import random
import re
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain, count
from typing import Any, Self, TypeVar, cast

from neo4j import (
    READ_ACCESS,
    AsyncDriver,
    AsyncGraphDatabase,
    AsyncManagedTransaction,
    AsyncResult,
    AsyncSession,
    NotificationMinimumSeverity,
    Query,
    unit_of_work,
)
from neo4j.exceptions import AuthError, ClientError, DriverError, Neo4jError, TransientError

from services.kit import context, errors, tracing
from services.kit.concurrency import give_way
from services.kit.disk_room import DiskRoom
from services.retrieval.adapters.graphs import statements
from services.retrieval.adapters.graphs.engines import Engine, engine_of
from services.retrieval.adapters.graphs.pulse import Pulse, StandsStillError
from services.retrieval.adapters.graphs.rows import (
    Row,
    Rows,
    chunk_node,
    most_common,
    named_entities,
    parts_of,
    plain,
    rows_of,
    size_of,
    source_of,
)
from services.retrieval.values.graph import (
    MOST_COLLECTED,
    ChunkPlace,
    Contribution,
    GraphState,
    Link,
    NamedEntity,
    Neighbor,
    Occurrence,
    StatedRelation,
    Statement,
    Table,
    decision_id,
)

T = TypeVar("T")
_Work = Callable[[AsyncManagedTransaction], Awaitable[T]]

_BATCH_SENTENCES = 500
"""Sentences that one transaction deletes: what it holds in memory does not grow with a document."""
_STATEMENT_ROWS = 100
"""Rows that one statement writes: a thousand mentions take 30 ms to put into its message."""
_GIVE_WAY_SECONDS = 0.05
"""Most that a statement that adds waits for questions: it takes the engine about as long."""
_WALKED_SENTENCES = 1000
"""Sentences of one entity through which its neighbors are looked for."""
_WALKED_ALTOGETHER = 20_000
"""Sentences of all entities among which pairs are looked for, where these are not too many."""
_LINKS = 2000
"""Alias statements that are read at once."""
_ATTEMPTS = 8
_POOL = 32
_CONNECTIONS = 2
"""Attempts after a connection broke: those that are kept break when the engine starts anew."""
_FIRST_PAUSE_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 0.25
_CONFLICTS = frozenset(
    {
        # Another transaction removed an entity between two statements of this one, or gave it a mention.
        "Neo.ClientError.Statement.EntityNotFound",
        "Neo.ClientError.Schema.ConstraintValidationFailed",
    }
)
_LARGEST_PART_BYTES = 1024 * 1024
"""Room that one transaction is taken to need."""
_LARGEST_TABLE_BYTES = 2 * 1024 * 1024
_QUERIES = 4
"""Statements of callers that run at once: each may take a core for as long as the engine lets it."""
_ROWS, _QUERY_ROWS = 1000, 20
"""Rows that the engine sends at once: those of the store's own statements, and of a caller's, which may be large."""
_TOO_LARGE = re.compile(r"in-heap|heap budget|queryMaxHeap")

logger = logging.getLogger(__name__)


class _Kind(enum.Enum):
    """What a transaction is for."""

    WRITES = enum.auto()
    READS = enum.auto()
    READS_ALONE = enum.auto()
    """One statement of the store's own, without a transaction around it."""
    ASKED = enum.auto()
    """A caller's statement."""


@dataclass(frozen=True, slots=True)
class _Alone:
    """Runs one statement without a transaction around it; it has `seconds`."""

    session: AsyncSession
    seconds: float

    async def run(self, text: str, parameters: dict[str, Any]) -> AsyncResult:
        return await self.session.run(Query(text, timeout=self.seconds), parameters)


class Neo4jGraphStore:
    """A graph behind Bolt; every call is bounded by `timeout` seconds or what is left of the request's deadline.

    `pulse` asks whether the engine still answers, beside calls that take long. Where the engine keeps the graph on this
    machine, `room` is that of its volume: neither engine looks for itself.
    """

    def __init__(
        self, driver: AsyncDriver, database: str, timeout: float, pulse: Pulse, room: DiskRoom | None = None
    ) -> None:
        self._driver = driver
        self._database = database
        self._timeout = timeout
        self._pulse = pulse
        self._room = room
        self._engine: Engine | None = None
        self._writers = asyncio.Semaphore(1)
        self._readers = asyncio.Semaphore(1)
        self._queries = asyncio.Semaphore(_QUERIES)
        self._opening = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        user: str = "",
        password: str = "",
        *,
        database: str = "neo4j",
        timeout: float = 10.0,
        room: DiskRoom | None = None,
    ) -> AsyncGenerator[Self, None]:
        """Open a store on `bolt://host:port`; nothing is sent yet. Without a `user`, none is named to the engine."""

        def driver(connections: int) -> AsyncDriver:
            return AsyncGraphDatabase.driver(
                url,
                auth=(user, password) if user else None,
                connection_timeout=min(timeout, 3.0),
                connection_acquisition_timeout=timeout,
                # Its own pauses begin at a second; those of `_call` at ten milliseconds.
                max_transaction_retry_time=0,
                max_connection_pool_size=connections,
                notifications_min_severity=NotificationMinimumSeverity.OFF,
                telemetry_disabled=True,
                user_agent="tiku",
            )

        # Who asks whether the engine answers waits for no connection that another call holds.
        async with driver(_POOL) as calls, driver(1) as single, Pulse.open(single.get_server_info) as pulse:
            yield cls(calls, database, timeout, pulse, room)

    async def add(self, owner: str, contribution: Contribution) -> None:
        """Store what chunks add, some whole chunks a transaction."""
        for part in parts_of(contribution):
            await self._check_room()
            rows = await asyncio.to_thread(rows_of, owner, part)
            await self._write(partial(_add, owner=owner, rows=rows))

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove a document's nodes, some hundred a transaction, and the entities that lose their last mention."""
        while await self._write(partial(_delete, owner=owner, document_id=document_id)):
            pass

    async def state(self, owner: str) -> GraphState:
        """Return the engine and the owner's counts."""

        async def counts(tx: AsyncManagedTransaction) -> list[int]:
            return [(await _rows_of(tx, text, owner=owner))[0]["n"] for text in statements.COUNTS]

        entities, mentions, relations, aliases, chunks = await self._read(counts)
        engine = await self._ready()
        return GraphState(engine.name, engine.version, entities, mentions, relations, aliases, chunks)

    async def entities(
        self, owner: str, entity_ids: Sequence[str], mentions: int, document_ids: Sequence[str] = ()
    ) -> list[NamedEntity]:
        """Return entities with counts of their surfaces and kinds."""

        async def read(tx: AsyncManagedTransaction) -> list[NamedEntity]:
            which = {"ids": list(entity_ids), "owner": owner, "documents": list(document_ids)}
            counted = await _rows_of(tx, statements.SURFACES, **which)
            first = await _rows_of(tx, statements.FIRST_MENTIONS, **which, most=mentions)
            return named_entities(entity_ids, counted, first)

        return await self._read(read)

    async def known(self, owner: str, entity_ids: Sequence[str]) -> set[str]:
        """Return the ids that have a node, which is there as long as a mention is."""
        rows = await self._read_rows(statements.KNOWN, ids=list(entity_ids), owner=owner)
        return {row["id"] for row in rows}

    async def frequent(self, owner: str, document_ids: Sequence[str], limit: int) -> list[str]:
        """Return the ids of the most mentioned entities."""
        text = statements.FREQUENT_IN if document_ids else statements.FREQUENT
        rows = await self._read_rows(text, owner=owner, documents=list(document_ids), limit=limit)
        return [row["id"] for row in rows]

    async def neighbors(
        self, owner: str, entity_ids: Sequence[str], document_ids: Sequence[str], degree: int
    ) -> list[Neighbor]:
        """Return entities that share sentences; a bounded number of sentences of each entity is walked."""
        rows = await self._read_rows(
            statements.NEIGHBORS,
            ids=list(entity_ids),
            owner=owner,
            documents=list(document_ids),
            walked=_WALKED_SENTENCES,
            degree=degree,
        )
        return [Neighbor(row["id"], found["id"], found["n"]) for row in rows for found in row["found"]]

    async def meetings(
        self, owner: str, entity_ids: Sequence[str], document_ids: Sequence[str], limit: int, sources: int
    ) -> list[StatedRelation]:
        """Return pairs; the more entities there are, the fewer sentences of each are walked."""

        async def read(tx: AsyncManagedTransaction) -> list[StatedRelation]:
            rows = await _rows_of(
                tx,
                statements.MEETINGS,
                ids=list(entity_ids),
                owner=owner,
                documents=list(document_ids),
                walked=max(_WALKED_SENTENCES // 20, _WALKED_ALTOGETHER // max(1, len(entity_ids))),
                limit=limit,
                most=sources,
            )
            ids = list({id_ for row in rows for id_ in row["some"]})
            texts = {row["id"]: source_of(row) for row in await _rows_of(tx, statements.SENTENCES, ids=ids)}
            return [
                StatedRelation(row["id"], row["other"], "", row["n"], tuple(texts[id_] for id_ in row["some"]))
                for row in rows
            ]

        return await self._read(read)

    async def relations(
        self, owner: str, entity_ids: Sequence[str], document_ids: Sequence[str], limit: int, sources: int
    ) -> list[StatedRelation]:
        """Return relations of entities, by both ends and predicate."""
        rows = await self._read_rows(
            statements.RELATIONS,
            ids=list(entity_ids),
            owner=owner,
            documents=list(document_ids),
            limit=limit * max(1, len(entity_ids)),
            most=sources,
        )
        return [
            StatedRelation(row["a"], row["b"], row["predicate"], row["n"], tuple(map(source_of, row["sources"])))
            for row in rows
        ]

    async def links(self, owner: str, entity_ids: Sequence[str]) -> list[Link]:
        """Return alias statements by pair, and decisions."""
        ids = list(entity_ids)

        async def read(tx: AsyncManagedTransaction) -> list[Link]:
            stated = await _rows_of(tx, statements.ALIASES, ids=ids, owner=owner, limit=_LINKS)
            decided = await _rows_of(tx, statements.DECISIONS, ids=ids, owner=owner)
            return [
                Link(row["a"], row["b"], row["first"], row["second"], True, tuple(map(source_of, row["sources"])))
                for row in stated
            ] + [decided_link(row) for row in decided]

        return await self._read(read)

    async def decide(self, owner: str, link: Link) -> None:
        """Record a decision under an id that the pair has."""
        await self._check_room()
        when = link.decided or datetime.now(UTC)
        await self._write_rows(
            statements.DECIDE,
            id=decision_id(owner, link.first_entity_id, link.second_entity_id),
            owner=owner,
            first_id=link.first_entity_id,
            second_id=link.second_entity_id,
            first_key=link.first_key,
            second_key=link.second_key,
            same=link.same,
            decided=int(when.timestamp() * 1000),
        )

    async def undo(self, owner: str, decision_id: str) -> None:
        """Remove a decision."""
        await self._write_rows(statements.UNDO, owner=owner, id=decision_id)

    async def occurrences(
        self,
        owner: str,
        entity_ids: Sequence[str],
        document_ids: Sequence[str],
        limit: int,
        *,
        sentences: int,
        common: bool = True,
    ) -> list[Occurrence]:
        """Return chunks by entity; what it costs is bounded by `sentences`, not by how many there are.

        What is counted here and not by ArcadeDB costs it a third less.
        """
        rows = await self._read_rows(
            statements.OCCURRENCES if common else statements.RARE_OCCURRENCES,
            ids=list(entity_ids),
            owner=owner,
            documents=list(document_ids),
            sentences=sentences,
        )
        return [
            Occurrence(row["id"], chunk_id, n)
            for row in rows
            for chunk_id, n in most_common(Counter(row["chunks"]))[:limit]
        ]

    async def entities_of(self, owner: str, chunk_ids: Sequence[str], limit: int) -> list[Occurrence]:
        """Return entities by chunk."""
        nodes = {chunk_node(owner, chunk_id): chunk_id for chunk_id in chunk_ids}
        return [
            Occurrence(id_, nodes[row["id"]], n)
            for row in await self._read_rows(statements.ENTITIES_OF, ids=list(nodes))
            for id_, n in _sentence_counts(row["sentences"], row["entities"])[:limit]
        ]

    async def added(self, owner: str, chunk_ids: Sequence[str]) -> set[str]:
        """Return the ids that have a node."""
        ids = [chunk_node(owner, chunk_id) for chunk_id in chunk_ids]
        return {row["chunk_id"] for row in await self._read_rows(statements.ADDED, ids=ids)}

    async def chunks(self, owner: str, document_id: str) -> list[ChunkPlace]:
        """Return a document's chunks by ordinal."""
        rows = await self._read_rows(statements.CHUNKS, owner=owner, document=document_id)
        return [ChunkPlace(row["chunk_id"], document_id, row["ordinal"]) for row in rows]

    async def query(self, owner: str, statement: Statement, limit: int) -> Table:
        """Run a statement; rows are fetched up to the limit, and what is left is dropped on the engine's side."""

        async def run(tx: AsyncManagedTransaction) -> Table:
            result = await tx.run(statement.text, {**statement.parameters, "owner": owner})
            keys = result.keys()
            # ArcadeDB names no columns where there are no rows.
            columns = tuple(statement.names.get(key, key) for key in keys) or statement.columns
            rows: list[Sequence[Any]] = []
            size = 0
            async for record in result:
                # Large rows are taken apart in turns with what else runs on this loop.
                row, bytes_ = await asyncio.to_thread(_row_of, record.values())
                size += bytes_
                if len(rows) == limit or size > _LARGEST_TABLE_BYTES:
                    return Table(columns, tuple(rows), truncated=True)
                rows.append(row)
            return Table(columns, tuple(rows), truncated=False)

        try:
            return await self._call(run, _Kind.ASKED)
        except _StatementError as error:
            raise errors.InvalidArgument(
                "The statement cannot be run: the engine does not understand it, a value is of the wrong type, or more "
                f"than {MOST_COLLECTED} values are collected in a list.",
                reason="CYPHER_INVALID",
            ) from error.__cause__
        except _EngineError as error:
            logger.warning("the graph engine fails at a statement", extra={"error": str(error.__cause__)})
            raise errors.InvalidArgument(
                "The statement cannot be run: the engine fails at it.", reason="CYPHER_INVALID"
            ) from error.__cause__

    async def ping(self) -> None:
        """Return when the engine answers, its schema made."""
        await self._read_rows("RETURN 1 AS n")

    async def _check_room(self) -> None:
        """Check that the graph may grow.

        Raises:
            ResourceExhausted: the disk is nearly full; reason DISK_FULL.
        """
        if self._room is not None and not await asyncio.to_thread(self._room.check, _LARGEST_PART_BYTES):
            raise errors.disk_full()

    async def _read_rows(self, text: str, **parameters: Any) -> list[Mapping[str, Any]]:
        # A statement alone needs no transaction around it, which is two more messages to the engine and back.
        return await self._read(lambda tx: _rows_of(tx, text, **parameters), alone=True)

    async def _write_rows(self, text: str, **parameters: Any) -> list[Mapping[str, Any]]:
        return await self._write(lambda tx: _rows_of(tx, text, **parameters))

    async def _read(self, work: _Work[T], *, alone: bool = False) -> T:
        return await self._call(work, _Kind.READS_ALONE if alone else _Kind.READS)

    async def _write(self, work: _Work[T]) -> T:
        return await self._call(work, _Kind.WRITES)

    async def _call(self, work: _Work[T], kind: _Kind) -> T:
        """Run a transaction; one that another came in the way of, or whose connection broke, is run again."""
        limit = context.time_for(self._timeout, share=0.9)
        operation = "write" if kind is _Kind.WRITES else "read"
        with tracing.span(f"graph {operation}", "CLIENT", {"db.system.name": "neo4j", "db.operation.name": operation}):
            return await self._run_again(work, limit, kind)

    async def _run_again(self, work: _Work[T], limit: float, kind: _Kind) -> T:
        """Run a transaction until it is neither overtaken nor broken off, for `limit` seconds at most."""
        try:
            # One that has not answered yet may be starting because of this call.
            async with self._pulse.watched(limit) if self._engine else asyncio.timeout(limit):
                for attempt in count():
                    try:
                        return await self._attempt(work, limit, kind)
                    except (DriverError, Neo4jError, OSError, _OvertakenError) as error:
                        if not self._may_pass(error, attempt):
                            raise _translated(error) from error
                    pause = min(_FIRST_PAUSE_SECONDS * 2**attempt, _LONGEST_PAUSE_SECONDS)
                    await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311
        except TimeoutError as error:
            if self._engine is None or isinstance(error, StandsStillError):
                raise _unavailable() from error
            raise errors.DeadlineExceeded("The graph did not answer in time.", reason="GRAPH_TIMEOUT") from error
        raise AssertionError("unreachable")

    def _may_pass(self, error: Exception, attempt: int) -> bool:
        """Return whether a transaction that failed so may succeed when it is run again; all may be run twice."""
        if _is_conflict(error) or _is_opening(error):
            return attempt < _ATTEMPTS or (self._engine is None and _is_opening(error))
        return not isinstance(error, Neo4jError) and (self._engine is None or attempt < _CONNECTIONS)

    async def _attempt(self, work: _Work[T], limit: float, kind: _Kind) -> T:
        await self._ready()
        slots = {_Kind.WRITES: self._writers, _Kind.ASKED: self._queries}.get(kind, self._readers)
        fetch_size = _QUERY_ROWS if kind is _Kind.ASKED else _ROWS
        async with (
            slots,
            self._driver.session(
                database=self._database, fetch_size=fetch_size, default_access_mode=READ_ACCESS
            ) as session,
        ):
            if kind is _Kind.READS_ALONE:
                return await work(cast("AsyncManagedTransaction", _Alone(session, limit)))
            transaction = unit_of_work(timeout=limit)(work)
            return await (
                session.execute_write(transaction) if kind is _Kind.WRITES else session.execute_read(transaction)
            )

    async def _ready(self) -> Engine:
        """Return the engine; at the first call, bring its schema up to date."""
        if self._engine is not None:
            return self._engine
        async with self._opening:
            if self._engine is None:
                info = await self._driver.get_server_info()
                engine = engine_of(info.agent)
                async with self._driver.session(database=self._database) as session:
                    await _migrate(session, engine)
                self._writers = asyncio.Semaphore(engine.writers)
                self._readers = asyncio.Semaphore(engine.readers)
                self._engine = engine
        return self._engine


def _row_of(values: Sequence[Any]) -> tuple[list[Any], int]:
    """Return the values of a row as the caller gets them, and their size."""
    row = [plain(value) for value in values]
    return row, sum(map(size_of, row))


def _sentence_counts(sentences: Sequence[str], entities: Sequence[str]) -> Sequence[tuple[str, int]]:
    """Return in how many sentences entities are mentioned, from the two ends of each mention."""
    return most_common(Counter(entity for _, entity in set(zip(sentences, entities, strict=True))))


def decided_link(row: Mapping[str, Any]) -> Link:
    """Return a decision that was read."""
    decided = datetime.fromtimestamp(row["decided"] / 1000, UTC)
    return Link(row["first_id"], row["second_id"], row["first_key"], row["second_key"], row["same"], decided=decided)


class _OvertakenError(Exception):
    """A deletion took an entity away after a transaction had written it: Neo4j goes on without a word."""


class _StatementError(errors.InvalidArgument):
    """The engine does not understand a statement."""


class _EngineError(errors.Internal):
    """The engine failed at a statement for another reason than any that is known."""


def _is_opening(error: Exception) -> bool:
    """Return whether the engine listens already, and its database is not there yet."""
    return isinstance(error, Neo4jError) and error.code == "Neo.TransientError.Database.DatabaseUnavailable"


def _is_too_large(error: Exception) -> bool:
    """Return whether a statement needs more memory than the engine gives to one, or to all together."""
    if not isinstance(error, Neo4jError):
        return False
    # ArcadeDB has no code for it.
    return "Memory" in (error.code or "") or _TOO_LARGE.search(error.message or "") is not None


def _is_conflict(error: Exception) -> bool:
    if _is_opening(error) or _is_too_large(error):
        return False
    if isinstance(error, Neo4jError):
        return isinstance(error, TransientError) or error.code in _CONFLICTS
    return isinstance(error, _OvertakenError)


def _unavailable() -> errors.Unavailable:
    return errors.Unavailable("The graph does not answer.", reason="GRAPH_UNAVAILABLE", retry_after=1.0)


def _translated(error: Exception) -> errors.TikuError:
    if _is_conflict(error):
        return errors.Aborted("Another change of the graph came first.", reason="GRAPH_CONFLICT", retry_after=1.0)
    if _is_too_large(error):
        return errors.ResourceExhausted(
            "The statement needs more memory than the graph engine gives to one: ask for less at once.",
            reason="GRAPH_MEMORY",
        )
    match error:
        case AuthError():
            logger.error("the graph engine refuses the account", extra={"error": str(error)})
            return errors.Unavailable("The graph engine refuses Tiku's account.", reason="GRAPH_UNAVAILABLE")
        case ClientError() if ".Transaction." in (error.code or ""):
            return errors.DeadlineExceeded("The graph did not answer in time.", reason="GRAPH_TIMEOUT")
        case ClientError():
            return _StatementError("The statement cannot be run.", reason="CYPHER_INVALID")
        case DriverError() | OSError() | TransientError():
            return _unavailable()
    return _EngineError("The graph failed.", reason="GRAPH_FAILED")


async def _migrate(session: AsyncSession, engine: Engine) -> None:
    """Make what the schema lacks; every statement may run again, so two processes may do this at once.

    Raises:
        FailedPrecondition: a newer version of Tiku made the schema.
    """
    found = await (await session.run(statements.SCHEMA_VERSION)).value("version")
    version = found[0] if found else 0
    known = len(statements.MIGRATIONS)
    if version > known:
        raise errors.FailedPrecondition(
            f"The graph has version {version} of the schema, and this Tiku knows {known}: start a newer one.",
            reason="GRAPH_SCHEMA_NEWER",
        )
    if version == known:
        return
    wanted = [one.statements for one in statements.MIGRATIONS[version:] if engine.scans or not one.scanning]
    for text in (statements.SCHEMA_CONSTRAINT, *chain.from_iterable(wanted)):
        await (await session.run(text)).consume()
    if engine.await_indexes:
        await (await session.run(engine.await_indexes)).consume()
    await (await session.run(statements.SET_SCHEMA_VERSION, version=known)).consume()
    logger.info("the graph's schema is up to date", extra={"engine": engine.name, "version": known})


async def _rows_of(tx: AsyncManagedTransaction, text: str, **parameters: Any) -> list[Mapping[str, Any]]:
    result = await tx.run(text, parameters)
    keys = result.keys()
    # `data()` looks through every value for nodes, of which these statements return none.
    return [dict(zip(keys, record.values(), strict=True)) async for record in result]


async def _run(tx: AsyncManagedTransaction, text: str, **parameters: Any) -> None:
    await (await tx.run(text, parameters)).consume()


async def _add(tx: AsyncManagedTransaction, owner: str, rows: Rows) -> None:
    # Entities first and in the order of their ids, as a deletion locks them.
    for some in _slices(rows.entities):
        await _aside(tx, statements.MERGE_ENTITIES, rows=some, owner=owner)
    for some in _slices(rows.sentences):
        await _aside(tx, statements.MERGE_SENTENCES, rows=some)
    for known, create, wanted in (
        (statements.KNOWN_MENTIONS, statements.CREATE_MENTIONS, rows.mentions),
        (statements.KNOWN_RELATIONS, statements.CREATE_RELATIONS, rows.relations),
        (statements.KNOWN_ALIASES, statements.CREATE_ALIASES, rows.aliases),
    ):
        if not wanted:
            continue
        ids = [row["id"] for row in (rows.sentences if wanted is rows.mentions else wanted)]
        there = {row["id"] for row in await _aside(tx, known, ids=ids)}
        for fresh in _slices([row for row in wanted if row["id"] not in there]):
            made = (await _aside(tx, create, rows=fresh))[0]["n"]
            if made != len(fresh):
                raise _OvertakenError(f"{len(fresh) - made} of {len(fresh)} rows found no entity")
    for some in _slices(rows.chunks):
        await _aside(tx, statements.MERGE_CHUNKS, rows=some)


def _slices(rows: list[Row]) -> Iterator[list[Row]]:
    """Yield rows in parts: the driver writes the parameters of one statement without giving the loop a turn."""
    for start in range(0, len(rows), _STATEMENT_ROWS):
        yield rows[start : start + _STATEMENT_ROWS]


async def _aside(tx: AsyncManagedTransaction, text: str, **parameters: Any) -> list[Mapping[str, Any]]:
    """Return the rows of a statement that adds, which comes after the questions that are under way."""
    await give_way(_GIVE_WAY_SECONDS)
    return await _rows_of(tx, text, **parameters)


async def _delete(tx: AsyncManagedTransaction, owner: str, document_id: str) -> bool:
    """Delete some sentences of a document, or, once it has none, what else it has; return whether there is more."""
    of = {"owner": owner, "document": document_id}
    sentences = [row["id"] for row in await _rows_of(tx, statements.SOME_SENTENCES, **of, limit=_BATCH_SENTENCES)]
    last = len(sentences) < _BATCH_SENTENCES
    entities = [row["id"] for row in await _rows_of(tx, statements.MENTIONED_BY, ids=sentences)]
    await _run(tx, statements.LOCK_ENTITIES, ids=entities, owner=owner)
    # Relations and aliases hold entities, so they go before the first of them may.
    for text in statements.DELETE_OTHERS:
        await _run(tx, text, **of)
    await _run(tx, statements.DELETE_SENTENCES, ids=sentences)
    await _run(tx, statements.DELETE_UNMENTIONED, ids=entities)
    return not last
