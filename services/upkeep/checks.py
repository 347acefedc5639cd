"""What the stores of a stack may disagree on.

Each check is safe while the stack serves: what looks wrong is looked at again, under the lock or in the order in which
the services themselves change it, so that work in progress is no finding.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from services.docs.adapters.stores.postgres.upkeep import DocsUpkeep, KeptDocument
from services.docs.domain.objects import OBJECTS, TEXT_ENCODING, TEXT_WIDTH, TEXTS, UPLOADS
from services.docs.ports import ObjectStore
from services.exercises.adapters.stores.postgres.upkeep import ExercisesUpkeep, StoredQuote
from services.kit.errors import NotFound
from services.kit.ids import is_id
from services.retrieval.adapters.stores.qdrant_upkeep import PointRecord, QdrantUpkeep
from services.upkeep.progress import Steps

_INDEXED = "INDEXED"


class FindingKind(StrEnum):
    """The kinds of findings, as they are shown."""

    FILE_MISSING = "document without its file"
    FILE_DAMAGED = "file whose SHA-256 is not its name"
    FILE_STRAY = "file without a document"
    TEXT_MISSING = "document without its whole text"
    TEXT_STRAY = "text without a document"
    UPLOAD_STRAY = "upload that nobody finishes"
    ROW_STRAY = "row of an upload that nobody finishes"
    CHUNKS_MISSING = "document with a wrong number of chunks"
    POINTS_MISSING = "document without all its vectors"
    POINT_STRAY = "vector without a document"
    POINT_FOREIGN = "vector of another owner than its document"
    POINT_SURPLUS = "vector past the end of its document"
    JOB_LOST = "document that waits for no job"
    RUN_ABANDONED = "generation that no process runs"
    QUOTE_WRONG = "question whose quote is not in its document"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: what it is about, and how to mend it; None where only a person can."""

    kind: FindingKind
    what: str
    mend: Callable[[], Awaitable[object]] | None = None


Findings = AsyncIterator[Finding]


class Checks:
    """The checks over the stores of one stack."""

    def __init__(
        self,
        docs: DocsUpkeep,
        exercises: ExercisesUpkeep,
        objects: ObjectStore,
        vectors: QdrantUpkeep,
        steps: Steps,
    ) -> None:
        self._docs = docs
        self._exercises = exercises
        self._objects = objects
        self._vectors = vectors
        self._steps = steps

    def all(self, *, deep: bool) -> Iterable[Findings]:
        """Return every check; `deep` reads every file as well."""
        yield self._uploads()
        yield self._objects_of_rows(deep)
        yield self._texts_of_rows()
        yield self._objects_without_rows()
        yield self._texts_without_rows()
        yield self._chunks()
        yield self._points()
        yield self._jobs()
        yield self._runs()
        yield self._quotes()

    async def _uploads(self) -> Findings:
        self._steps.step("uploads")
        async for key in self._objects.list(UPLOADS):
            if await self._docs.dead_upload(key):
                yield Finding(FindingKind.UPLOAD_STRAY, key, partial(self._objects.delete, key))
        for document_id in await self._docs.dead_rows():
            yield Finding(
                FindingKind.ROW_STRAY, document_id, partial(self._docs.stores.deletions.mark_failed_upload, document_id)
            )

    async def _objects_of_rows(self, deep: bool) -> Findings:
        files = {document.sha256: document for document in await self._docs.documents()}
        self._steps.step("files", len(files))
        for document in files.values():
            self._steps.advance(1)
            if await self._objects.size(document.object_key) != document.size_bytes:
                # A file comes and goes under its lock, and goes after the row was hidden.
                async with self._docs.object_locked(document.sha256):
                    gone = await self._objects.size(document.object_key) != document.size_bytes
                if gone and await self._docs.document(document.document_id):
                    yield Finding(FindingKind.FILE_MISSING, _named(document))
            elif deep and await self._is_damaged(document) and await self._docs.document(document.document_id):
                yield Finding(FindingKind.FILE_DAMAGED, _named(document))

    async def _is_damaged(self, document: KeptDocument) -> bool:
        digest = hashlib.sha256()
        try:
            async for part in self._objects.read(document.object_key):
                digest.update(part)
        except NotFound:
            return False
        return digest.hexdigest() != document.sha256

    async def _texts_of_rows(self) -> Findings:
        documents = [document for document in await self._docs.documents() if document.text_key]
        self._steps.step("texts", len(documents))
        for document in documents:
            self._steps.advance(1)
            key = document.text_key or ""
            if await self._objects.size(key) == document.text_bytes:
                continue
            async with self._docs.document_locked(document.document_id) as idle:
                now = await self._docs.document(document.document_id)
                wrong = idle and now == document and await self._objects.size(key) != document.text_bytes
            if wrong:
                yield Finding(FindingKind.TEXT_MISSING, _named(document), self._parsed_again(document))

    async def _objects_without_rows(self) -> Findings:
        self._steps.step("files without documents")
        known = {document.sha256 for document in await self._docs.documents()}
        async for key in self._objects.list(OBJECTS):
            sha256 = key.partition("/")[2]
            if sha256 not in known:
                async with self._docs.object_locked(sha256) as wanted:
                    stray = not wanted and await self._objects.size(key) is not None
                if stray:
                    yield Finding(FindingKind.FILE_STRAY, key, partial(self._remove_object, sha256, key))

    async def _remove_object(self, sha256: str, key: str) -> None:
        async with self._docs.object_locked(sha256) as wanted:
            if not wanted:
                await self._objects.delete(key)

    async def _texts_without_rows(self) -> Findings:
        self._steps.step("texts without documents")
        known = {document.document_id for document in await self._docs.documents()}
        async for key in self._objects.list(TEXTS):
            document_id = key.partition("/")[2]
            if document_id not in known and not (is_id(document_id) and await self._docs.has_row(document_id)):
                async with self._docs.document_locked(document_id) as idle:
                    stray = idle and await self._objects.size(key) is not None
                if stray:
                    # Ids of documents are never used twice, so no row comes back.
                    yield Finding(FindingKind.TEXT_STRAY, key, partial(self._objects.delete, key))

    async def _chunks(self) -> Findings:
        self._steps.step("chunks")
        for document_id in await self._docs.wrong_chunk_counts():
            if document := await self._docs.document(document_id):
                yield Finding(FindingKind.CHUNKS_MISSING, _named(document), self._parsed_again(document))

    async def _points(self) -> Findings:
        documents = {document.document_id: document for document in await self._docs.documents()}
        self._steps.step("vectors", sum(document.indexed for document in documents.values()))
        seen: defaultdict[str, int] = defaultdict(int)
        for collection in await self._vectors.collections():
            async for page in self._vectors.points(collection):
                self._steps.advance(len(page))
                for point in page:
                    document = documents.get(point.document_id)
                    if _fits(point, document):
                        assert document is not None
                        if self._vectors.holds(collection, document.embedding_model):
                            # One bit a chunk: a hundred million chunks take 12 MB.
                            seen[point.document_id] |= 1 << point.ordinal
                    elif finding := await self._misfit(collection, point):
                        yield finding
        for document in documents.values():
            if seen[document.document_id].bit_count() < document.indexed and await self._lacks_points(document):
                yield Finding(
                    FindingKind.POINTS_MISSING, _named(document), partial(self._docs.index_again, document, parse=False)
                )

    async def _misfit(self, collection: str, point: PointRecord) -> Finding | None:
        """Return what is wrong with a point that does not fit the rows as they were; None if it fits them now."""
        mend = partial(self._vectors.delete_points, collection, [point.point_id])
        what = f"{point.point_id} of {point.document_id} in {collection}"
        # The row is there before a point comes, and its deletion is queued until the last point is gone.
        document = await self._docs.document(point.document_id) if is_id(point.document_id) else None
        if document is None:
            has_row = is_id(point.document_id) and await self._docs.has_row(point.document_id)
            if has_row or not await self._is_there(collection, point):
                return None
            return Finding(FindingKind.POINT_STRAY, what, mend)
        if document.owner != point.owner:
            return Finding(FindingKind.POINT_FOREIGN, what, mend)
        if not _fits(point, document):
            return Finding(FindingKind.POINT_SURPLUS, what, mend)
        return None

    async def _is_there(self, collection: str, point: PointRecord) -> bool:
        pages = self._vectors.points(collection, document_id=point.document_id)
        return any([point.point_id == found.point_id async for page in pages for found in page])

    async def _lacks_points(self, document: KeptDocument) -> bool:
        ordinals = {
            point.ordinal
            for collection in await self._vectors.collections()
            if self._vectors.holds(collection, document.embedding_model)
            async for page in self._vectors.points(collection, document_id=document.document_id)
            for point in page
            if _fits(point, document)
        }
        if len(ordinals) >= document.indexed:
            return False
        # If the row is the same afterwards, nobody was deleting or reading it anew.
        now = await self._docs.document(document.document_id)
        return now is not None and (now.generation, now.indexed) == (document.generation, document.indexed)

    async def _jobs(self) -> Findings:
        self._steps.step("jobs")
        for document_id in await self._docs.lost_jobs():
            yield Finding(FindingKind.JOB_LOST, document_id, self._docs.stores.documents.requeue_lost)

    async def _runs(self) -> Findings:
        self._steps.step("generations")
        for run_id in await self._exercises.abandoned_runs():
            yield Finding(FindingKind.RUN_ABANDONED, run_id, self._exercises.end_abandoned_runs)

    async def _quotes(self) -> Findings:
        self._steps.step("quotes")
        documents = {document.document_id: document for document in await self._docs.documents()}
        async for quote in self._exercises.quotes():
            document = documents.get(quote.document_id)
            # A question outlives its document.
            if document is None or document.text_key is None:
                continue
            found = await self._slice(document.text_key, quote)
            if (
                found is not None
                and found != quote.quote
                and await self._docs.document(document.document_id) == document
            ):
                yield Finding(FindingKind.QUOTE_WRONG, f"{quote.question_id} of {_named(document)}")

    async def _slice(self, key: str, quote: StoredQuote) -> str | None:
        """Return what stands where a quote was taken from; None where the text is gone, which is its own finding."""
        try:
            parts = self._objects.read(key, quote.start * TEXT_WIDTH, quote.end * TEXT_WIDTH)
            return b"".join([part async for part in parts]).decode(TEXT_ENCODING, "replace")
        except NotFound:
            return None

    def _parsed_again(self, document: KeptDocument) -> Callable[[], Awaitable[object]]:
        return partial(self._docs.index_again, document, parse=True)


def _fits(point: PointRecord, document: KeptDocument | None) -> bool:
    """Return whether a point is a chunk of its document; while a document is indexed, more come."""
    if document is None or point.owner != document.owner or point.ordinal < 0:
        return False
    return document.state != _INDEXED or point.ordinal < document.indexed


def _named(document: KeptDocument) -> str:
    return f"{document.document_id} ({document.name})"
