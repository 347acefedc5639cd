"""From a file into the stores of a stack that does not serve.

Every byte is verified before anything changes. Then files, texts and vectors are added, and the rows replace those that
are there in one transaction, which is committed last. A mark in the database keeps services from starting in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import msgspec

from services.docs.adapters.queue.pgq import PgQueuerJobQueue
from services.docs.adapters.stores.postgres.upkeep import build_graphs_again, index_again, kept_documents
from services.docs.domain.objects import OBJECTS, TEXTS
from services.docs.ports import ObjectStore
from services.kit.migrations import migration_digest, read_migrations
from services.retrieval.adapters.stores.qdrant_upkeep import QdrantUpkeep
from services.retrieval.values.graph import Link
from services.upkeep.adapters.stores.postgres import PostgresTables
from services.upkeep.archive import ArchiveReader, Member
from services.upkeep.backup import LENGTH_BYTES, belongs
from services.upkeep.contents import (
    ABOUT,
    DECISIONS,
    FORMAT,
    MANIFEST,
    SUMS,
    About,
    Decision,
    Manifest,
    TableRows,
    Version,
)
from services.upkeep.errors import UpkeepError
from services.upkeep.progress import Steps
from services.upkeep.servers import SCHEMAS, Servers

_LIST_BYTES = 1024 * 1024 * 1024
"""Most that the list of members or the manifest may have."""
_ABOUT_BYTES = 16 * 1024 * 1024
_POINTS = 64
"""Points that are stored in one call."""

T = TypeVar("T")


class VerifiedBackup:
    """A backup whose every byte was found to be what its list says."""

    def __init__(self, reader: ArchiveReader, about: About, manifest: Manifest, sums: Mapping[str, str]) -> None:
        self.reader = reader
        self.about = about
        self.manifest = manifest
        self.sums = sums


@contextlib.asynccontextmanager
async def verified(file: Path, steps: Steps) -> AsyncIterator[VerifiedBackup]:
    """Read a backup from end to end, and keep it open for the block.

    Raises:
        UpkeepError: the file is not a whole backup, or was made by a newer Tiku.
    """
    reader = await asyncio.to_thread(ArchiveReader, file)
    try:
        steps.step("verifying", reader.size)
        about: About | None = None
        found: dict[str, str] = {}
        last: Member | None = None
        manifest = Manifest({}, 0, 0, 0, 0, [], [])
        async for member in _threaded(reader.members()):
            if about is None:
                about = await asyncio.to_thread(_read_about, reader, file, member)
            if member.name in found or last is not None:
                raise UpkeepError(f"{file} is not a whole backup: {member.name} is in a wrong place")
            if member.name == SUMS:
                last = member
                continue
            if member.name == MANIFEST:
                manifest = await asyncio.to_thread(_decoded, reader, file, member, Manifest, _LIST_BYTES)
            found[member.name] = await _digest(reader, member, steps)
        if about is None or last is None:
            raise UpkeepError(f"{file} is not a whole backup: it does not list its members")
        listed = await asyncio.to_thread(_read_sums, reader, last)
        _compare(file, listed, found)
        yield VerifiedBackup(reader, about, manifest, listed)
    finally:
        await asyncio.to_thread(reader.close)


async def _digest(reader: ArchiveReader, member: Member, steps: Steps) -> str:
    digest = hashlib.sha256()
    async for part in _threaded(reader.parts(member)):
        await asyncio.to_thread(digest.update, part)
        steps.advance(len(part))
    return digest.hexdigest()


def _read_about(reader: ArchiveReader, file: Path, member: Member) -> About:
    if member.name != ABOUT:
        raise UpkeepError(f"{file} is not a backup of Tiku")
    version = _decoded(reader, file, member, Version, _ABOUT_BYTES)
    if version.format > FORMAT:
        raise UpkeepError(f"{file} was made by Tiku {version.tiku}, which is newer: restore it with that version")
    about = _decoded(reader, file, member, About, _ABOUT_BYTES)
    for schema, applied in about.migrations.items():
        if schema not in SCHEMAS:
            raise UpkeepError(f"{file} was made by Tiku {about.tiku}, which is newer: it has the schema {schema}")
        known = {name: migration_digest(text) for name, text in read_migrations(SCHEMAS[schema])}
        for name, digest in applied.items():
            if known.get(name) != digest:
                raise UpkeepError(
                    f"{file} was made by Tiku {about.tiku}, which is newer: this one does not know the migration "
                    f"{schema}/{name}"
                )
    return about


def _decoded(reader: ArchiveReader, file: Path, member: Member, kind: type[T], limit: int) -> T:
    try:
        return msgspec.json.decode(reader.read(member, limit), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UpkeepError(f"{file} is not a whole backup: {member.name}: {error}") from None


def _read_sums(reader: ArchiveReader, member: Member) -> dict[str, str]:
    text = reader.read(member, _LIST_BYTES).decode("ascii", "replace")
    pairs = (line.partition("  ") for line in text.splitlines())
    return {name: digest for digest, _, name in pairs}


def _compare(file: Path, listed: Mapping[str, str], found: Mapping[str, str]) -> None:
    for name, digest in found.items():
        folder, _, key = name.partition("/")
        if listed.get(name) != digest or (folder == OBJECTS and key != digest):
            raise UpkeepError(f"{file} is not a whole backup: {name} is not what was written")
    if gone := listed.keys() - found.keys():
        raise UpkeepError(f"{file} is not a whole backup: {min(gone)} is not in it")
    if MANIFEST not in found:
        raise UpkeepError(f"{file} is not a whole backup: it has no {MANIFEST}")


async def restore(servers: Servers, backup: VerifiedBackup, name: str, steps: Steps, *, replace: bool = False) -> None:
    """Put a backup into the stores; `name` is what the mark calls it. With `replace`, all that is there goes.

    Raises:
        UpkeepError: services are connected, or the stack is not empty and `replace` is not set.
    """
    async with AsyncExitStack() as stack:
        tables = await stack.enter_async_context(servers.tables())
        objects = await stack.enter_async_context(servers.open_objects())
        vectors = await stack.enter_async_context(servers.open_vectors())
        dirty = cut_off = await tables.unfinished_restore() is not None
        if not cut_off:
            found = await _what_is_there(tables, objects, vectors, servers)
            if found and not replace:
                raise UpkeepError(f"the stack is not empty ({found}): --replace removes all of that first")
            dirty = bool(found)
        await tables.begin_restore(name)
        if users := await tables.users():
            if not cut_off:
                await tables.end_restore()
            raise UpkeepError(f"services are connected to the database ({', '.join(users)}): stop them first")
        work = _Restore(backup, tables, objects, vectors, steps)
        async with tables.connection.transaction():
            await work.put_everything(PgQueuerJobQueue(servers.dsn))
        if dirty:
            await work.remove_what_was_there()
        await work.put_decisions(servers)
        await tables.end_restore()


async def _what_is_there(tables: PostgresTables, objects: ObjectStore, vectors: QdrantUpkeep, servers: Servers) -> str:
    found = [f"{count} {name}" for name, count in (await tables.row_counts()).items()]
    for folder in (OBJECTS, TEXTS):
        async for _ in objects.list(folder):
            found.append(folder if folder == TEXTS else "files")
            break
    for collection in await vectors.collections():
        async for page in vectors.points(collection):
            if page:
                found.append(f"points in {collection}")
            break
    async with servers.open_graph() as graph:
        if graph is not None:
            found += [f"{count} {label} in the graph" for label, count in (await graph.counts()).items()]
    return ", ".join(found)


class _Restore:
    """One restore while it runs."""

    def __init__(
        self,
        backup: VerifiedBackup,
        tables: PostgresTables,
        objects: ObjectStore,
        vectors: QdrantUpkeep,
        steps: Steps,
    ) -> None:
        self._backup = backup
        self._tables = tables
        self._objects = objects
        self._vectors = vectors
        self._steps = steps
        self._decisions: list[Decision] = []

    async def put_everything(self, queue: PgQueuerJobQueue) -> None:
        """Store everything, within the transaction of the tables' connection."""
        about, manifest = self._backup.about, self._backup.manifest
        files = {schema: await asyncio.to_thread(read_migrations, folder) for schema, folder in SCHEMAS.items()}
        await self._tables.recreate(about.migrations, files)
        have = {(table.schema, table.name): set(table.columns) for table in await self._tables.tables()}
        rows = {table.member: table for table in about.tables}
        for table in about.tables:
            if have.get((table.schema, table.name)) != set(table.columns):
                raise UpkeepError(f"the backup has another table {table.schema}.{table.name} than its migrations make")
        self._steps.step("restoring", self._backup.reader.size)
        async for member in _threaded(self._backup.reader.members()):
            await self._put(member, rows)
            self._steps.advance(member.size)
        await self._tables.set_sequences(about.sequences)
        self._steps.step("bringing the database up to date")
        await self._tables.bring_up_to_date(files)
        await index_again(self._tables.connection, queue, manifest.index_again)
        await build_graphs_again(self._tables.connection)

    async def _put(self, member: Member, rows: Mapping[str, TableRows]) -> None:
        folder, _, key = member.name.partition("/")
        if folder == "rows":
            table = rows[member.name]
            count = await self._tables.copy_in(table, self._content(member))
            if count != self._backup.manifest.rows[f"{table.schema}.{table.name}"]:
                raise UpkeepError(f"the backup has another number of rows of {table.schema}.{table.name} than it says")
        elif folder in (OBJECTS, TEXTS):
            name = member.name.removesuffix(".gz")
            # A restore that was killed may have left a half-written file.
            await self._objects.delete(name)
            await self._objects.put(name, self._content(member))
        elif folder == "vectors":
            await self._put_points(key.removesuffix(".gz"), member)
        elif member.name == DECISIONS:
            lines = b"".join([part async for part in self._content(member)]).splitlines()
            self._decisions = [msgspec.json.decode(line, type=Decision) for line in lines]

    async def _content(self, member: Member) -> AsyncIterator[bytes]:
        async for part in _threaded(self._backup.reader.content(member)):
            yield part

    async def _put_points(self, collection: str, member: Member) -> None:
        buffer = bytearray()
        async for part in self._content(member):
            buffer += part
            messages = _unframed(buffer)
            for at in range(0, len(messages), _POINTS):
                await self._vectors.load(collection, messages[at : at + _POINTS])

    async def put_decisions(self, servers: Servers) -> None:
        """Empty the graph, which is built again from the documents, and store what was decided about its names.

        Raises:
            UpkeepError: there are decisions, and no graph is kept here.
        """
        self._steps.step("decisions of the graph")
        async with servers.open_graph(make=bool(self._decisions), fresh=True) as graph:
            if graph is None and self._decisions:
                raise UpkeepError(
                    f"the backup has {len(self._decisions)} decisions about names of the graph, and no graph is kept "
                    "here: install the wheel arcadedb-embedded or set TIKU_NEO4J_URL, and restore again"
                )
            for one in self._decisions:
                link = Link(one.first_id, one.second_id, one.first_key, one.second_key, one.same, decided=one.decided)
                assert graph is not None
                await graph.decide(one.owner, link)

    async def remove_what_was_there(self) -> None:
        """Remove what is not of the backup."""
        self._steps.step("removing what was there before")
        kept = {name.removesuffix(".gz") for name in self._backup.sums}
        for folder in (OBJECTS, TEXTS):
            for key in [key async for key in self._objects.list(folder) if key not in kept]:
                await self._objects.delete(key)
        documents = {d.document_id: d for d in await kept_documents(self._tables.connection)}
        for collection in await self._vectors.collections():
            strays = [
                point.point_id
                async for page in self._vectors.points(collection)
                for point in page
                if not belongs(point, documents.get(point.document_id))
            ]
            for at in range(0, len(strays), _POINTS):
                await self._vectors.delete_points(collection, strays[at : at + _POINTS])


def _unframed(buffer: bytearray) -> list[bytes]:
    """Take the whole messages from the front of a buffer."""
    messages, at = [], 0
    while at + LENGTH_BYTES <= len(buffer):
        end = at + LENGTH_BYTES + int.from_bytes(buffer[at : at + LENGTH_BYTES], "little")
        if end > len(buffer):
            break
        messages.append(bytes(buffer[at + LENGTH_BYTES : end]))
        at = end
    del buffer[:at]
    return messages


async def _threaded(values: Iterator[T]) -> AsyncIterator[T]:
    """Yield what an iterator gives that blocks."""
    end = object()
    while (value := await asyncio.to_thread(next, values, end)) is not end:
        yield value  # type: ignore[misc]  # It is not `end`.
