"""From the stores into a file, while they serve.

Rows come from one snapshot, and they say which files, texts and vectors belong to the backup. Those cannot go
meanwhile: the removal of deleted documents is held up until the end.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from services.docs.adapters.stores.postgres.upkeep import KeptDocument, kept_documents
from services.docs.ports import ObjectStore
from services.kit.errors import NotFound
from services.retrieval.adapters.stores.qdrant_upkeep import PointRecord, QdrantUpkeep
from services.retrieval.values.graph import Link
from services.upkeep.adapters.stores.postgres import PostgresTables
from services.upkeep.archive import PART_BYTES, ArchiveWriter
from services.upkeep.contents import ABOUT, DECISIONS, FORMAT, MANIFEST, About, Decision, Manifest
from services.upkeep.errors import UpkeepError
from services.upkeep.progress import Steps
from services.upkeep.servers import NEEDED_SCHEMAS, Servers

if TYPE_CHECKING:
    from services.retrieval.adapters.graphs.neo4j_upkeep import Neo4jGraphUpkeep

LENGTH_BYTES = 4
"""Each point stands behind its length, an unsigned number of so many bytes, little endian."""


async def back_up(
    servers: Servers, file: Path, steps: Steps, *, vectors: bool = True, allow_missing: bool = False
) -> tuple[Manifest, int]:
    """Write all that a stack stores into `file`, and return what is in it and its size in bytes.

    Without `vectors`, documents are embedded anew after a restore. With `allow_missing`, a file or text that is gone or
    damaged is left out and listed, instead of ending the backup.

    Raises:
        UpkeepError: there is nothing to back up, `file` exists, or something is gone or damaged.
    """
    async with AsyncExitStack() as stack:
        tables = await stack.enter_async_context(servers.tables())
        await _check(tables)
        objects = await stack.enter_async_context(servers.open_objects())
        points = await stack.enter_async_context(servers.open_vectors())
        docs = await stack.enter_async_context(servers.open_docs())
        graph = await stack.enter_async_context(servers.open_graph())
        steps.step("waiting for removals to end")
        if not await stack.enter_async_context(docs.removals_held()):
            raise UpkeepError("another backup of this stack runs")
        writer = await asyncio.to_thread(ArchiveWriter, file)
        # Shielded: the file must be gone before whoever canceled this looks.
        stack.push_async_callback(lambda: asyncio.shield(asyncio.to_thread(writer.discard)))
        return await _Backup(writer, steps, allow_missing).run(tables, objects, points if vectors else None, graph)


async def _check(tables: PostgresTables) -> None:
    if unfinished := await tables.unfinished_restore():
        raise UpkeepError(f"a restore of {unfinished} was cut off: run `tiku restore` again first")
    if missing := NEEDED_SCHEMAS - set(await tables.migrations()):
        raise UpkeepError(f"there is nothing to back up: the database has no schema {min(missing)}")


class _Backup:
    """One backup while it is written."""

    def __init__(self, writer: ArchiveWriter, steps: Steps, allow_missing: bool) -> None:
        self._writer = writer
        self._steps = steps
        self._allow_missing = allow_missing
        self._rows: dict[str, int] = {}
        self._missing: dict[str, str] = {}
        self._objects = self._object_bytes = self._texts = self._points = self._decisions = 0

    async def run(
        self,
        tables: PostgresTables,
        objects: ObjectStore,
        vectors: QdrantUpkeep | None,
        graph: Neo4jGraphUpkeep | None,
    ) -> tuple[Manifest, int]:
        async with tables.snapshot():
            documents = await kept_documents(tables.connection)
            await self._write_rows(tables)
        await self._write_objects(objects, documents)
        await self._write_texts(objects, documents)
        counts = await self._write_points(vectors, documents) if vectors else Counter()
        if graph is not None:
            await self._write_decisions(graph)
        manifest = Manifest(
            rows=self._rows,
            objects=self._objects,
            object_bytes=self._object_bytes,
            texts=self._texts,
            points=self._points,
            missing=sorted(self._missing),
            decisions=self._decisions,
            index_again=[d.document_id for d in documents if counts[d.document_id] < d.indexed],
        )
        self._steps.step("writing to the disk")
        await self._add(MANIFEST, msgspec.json.encode(manifest))
        return manifest, await _uninterrupted(self._writer.finish)

    async def _write_rows(self, tables: PostgresTables) -> None:
        about = About(
            format=FORMAT,
            tiku=await asyncio.to_thread(version, "tiku"),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            tables=await tables.tables(),
            migrations=await tables.migrations(),
            sequences=await tables.sequences(),
        )
        await self._add(ABOUT, msgspec.json.encode(about))
        for table in about.tables:
            self._steps.step(f"rows of {table.schema}.{table.name}")
            await asyncio.to_thread(self._writer.begin, table.member)
            buffer = bytearray()

            async def write(data: bytes, buffer: bytearray = buffer) -> None:
                buffer.extend(data)
                if len(buffer) >= PART_BYTES:
                    await asyncio.to_thread(self._writer.write, bytes(buffer))
                    buffer.clear()

            self._rows[f"{table.schema}.{table.name}"] = await tables.copy_out(table, write)
            await asyncio.to_thread(self._writer.write, bytes(buffer))
            await asyncio.to_thread(self._writer.end)

    async def _write_objects(self, objects: ObjectStore, documents: Sequence[KeptDocument]) -> None:
        files = {document.sha256: document for document in documents}
        self._steps.step("files", sum(document.size_bytes for document in files.values()))
        for document in files.values():
            stored = await self._copy(document.object_key, objects.read(document.object_key))
            if stored is None:
                await self._leave_out(document, "its file is gone")
            elif stored != (document.sha256, document.size_bytes):
                await self._leave_out(document, "its file is damaged", written=True)
            else:
                self._objects += 1
                self._object_bytes += document.size_bytes

    async def _write_texts(self, objects: ObjectStore, documents: Sequence[KeptDocument]) -> None:
        parsed = [(document, document.text_key) for document in documents]
        self._steps.step("texts", sum(document.text_bytes for document, key in parsed if key))
        for document, key in parsed:
            if key is None:
                continue
            stored = await self._copy(f"{key}.gz", objects.read(key))
            if stored is None:
                await self._leave_out(document, "its text is gone")
            elif stored[1] != document.text_bytes:
                await self._leave_out(document, "its text is damaged", written=True)
            else:
                self._texts += 1

    async def _copy(self, member: str, parts: AsyncIterator[bytes]) -> tuple[str, int] | None:
        """Write a member; return SHA-256 and size of its content, or None where there is no such object."""
        digest, size = hashlib.sha256(), 0
        await asyncio.to_thread(self._writer.begin, member)

        def take(part: bytes) -> None:
            digest.update(part)
            self._writer.write(part)

        try:
            async for part in parts:
                await asyncio.to_thread(take, part)
                size += len(part)
                self._steps.advance(len(part))
        except NotFound:
            await asyncio.to_thread(self._writer.drop)
            return None
        await asyncio.to_thread(self._writer.end)
        return digest.hexdigest(), size

    async def _leave_out(self, document: KeptDocument, why: str, *, written: bool = False) -> None:
        if not self._allow_missing:
            raise UpkeepError(
                f"the document {document.document_id} ({document.name}) is not whole: {why}; `tiku fsck` lists all "
                "that are not, --allow-missing backs up the rest"
            )
        if written:
            await asyncio.to_thread(self._writer.drop)
        self._missing[document.document_id] = why

    async def _write_points(self, vectors: QdrantUpkeep, documents: Sequence[KeptDocument]) -> Counter[str]:
        """Write the points of documents in the snapshot; return how many each has under its own model."""
        known = {document.document_id: document for document in documents}
        counts: Counter[str] = Counter()
        self._steps.step("vectors", sum(document.indexed for document in documents))
        for collection in await vectors.collections():
            await asyncio.to_thread(self._writer.begin, f"vectors/{collection}.gz")
            async for page in vectors.points(collection, vectors=True):
                kept = [point for point in page if belongs(point, known.get(point.document_id))]
                await asyncio.to_thread(self._writer.write, b"".join(_framed(point.message) for point in kept))
                counts.update(
                    point.document_id
                    for point in kept
                    if vectors.holds(collection, known[point.document_id].embedding_model)
                )
                self._points += len(kept)
                self._steps.advance(len(kept))
            await asyncio.to_thread(self._writer.end)
        return counts

    async def _write_decisions(self, graph: Neo4jGraphUpkeep) -> None:
        self._steps.step("decisions of the graph")
        await asyncio.to_thread(self._writer.begin, DECISIONS)
        async for page in graph.decisions():
            lines = b"".join(msgspec.json.encode(_decision(owner, link)) + b"\n" for owner, link in page)
            await asyncio.to_thread(self._writer.write, lines)
            self._decisions += len(page)
        await asyncio.to_thread(self._writer.end)

    async def _add(self, name: str, data: bytes) -> None:
        await asyncio.to_thread(self._writer.add, name, data)


def belongs(point: PointRecord, document: KeptDocument | None) -> bool:
    """Return whether a point is a chunk that the row of its document counts as indexed."""
    return document is not None and point.owner == document.owner and 0 <= point.ordinal < document.indexed


def _decision(owner: str, link: Link) -> Decision:
    return Decision(
        owner,
        link.first_entity_id,
        link.second_entity_id,
        link.first_key,
        link.second_key,
        link.same,
        link.decided or datetime.now(UTC),
    )


def _framed(message: bytes) -> bytes:
    return len(message).to_bytes(LENGTH_BYTES, "little") + message


async def _uninterrupted(work: Callable[[], int]) -> int:
    """Return what `work` returns in a thread; a cancellation waits for its end, so that it is not half done."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
