"""Uploads: bytes go straight into the object store, and a row is stored once all of them are there."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.common.values import DocumentKind
from services.docs.domain.lock_names import file_lock
from services.docs.domain.objects import UPLOADS, object_key
from services.docs.domain.upload.media_types import SUPPORTED, ZIP
from services.docs.domain.upload.naming import checked_name
from services.docs.domain.upload.sniffing import HEAD_BYTES, TAIL_BYTES, admitted_media_type, is_archive, sniff
from services.docs.domain.wording.wording import told
from services.docs.ports import DeletionStore, DocumentStore, Locks, ObjectStore
from services.docs.values.document import Document
from services.docs.values.parsed_document import ParseError, ParseReason
from services.kit import ids
from services.kit.errors import AlreadyExists, FieldViolation, InvalidArgument, TikuError

_HASH_IN_THREAD_BYTES = 128 * 1024
"""hashlib releases the GIL, so a large part is worth a thread; a small one costs less than the switch."""
_MARK_SECONDS = 1.0
"""Time for which a failed upload's answer waits until its row is marked."""
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored document, and the oldest one of the same owner's with the same bytes, or None."""

    document: Document
    duplicate_of: Document | None


@dataclass(frozen=True, slots=True)
class Uploader:
    """Takes in files; an upload that fails in any way leaves neither row nor object."""

    documents: DocumentStore
    deletions: DeletionStore
    locks: Locks
    objects: ObjectStore
    max_bytes: int
    graph: bool = False
    """Whether every document is added to the knowledge graph."""
    marking: set[asyncio.Task[None]] = field(default_factory=set)
    """What marks rows of failed uploads."""

    async def upload(
        self,
        owner: str,
        name: str,
        kind: DocumentKind,
        chunks: AsyncIterator[bytes],
        *,
        parse: bool,
        refuse_duplicate: bool = False,
    ) -> Upload:
        """Store a file, queue its job where `parse` is set, and return its row.

        A file that the owner has already is stored under its new name as well, unless `refuse_duplicate` is set: the
        same chapter may belong to two courses.

        Raises:
            AlreadyExists: the owner has the same file, and `refuse_duplicate` is set.
            InvalidArgument: the name is not allowed, or the file is empty or too large. Where the kind is MATERIAL or
                `parse` is set, also: the content cannot be parsed, or is not what the name promises.
        """
        name = checked_name(name)
        intake = _Intake(name, self.max_bytes, parse or kind is DocumentKind.MATERIAL)
        document_id = ids.new_id()
        temporary = f"{UPLOADS}/{self.locks.instance}.{document_id}"
        try:
            await self.objects.put(temporary, intake.through(chunks))
            now = datetime.now(UTC)
            document = Document(
                document_id=document_id,
                owner=owner,
                name=name,
                kind=kind,
                media_type=intake.media_type,
                size_bytes=intake.size,
                sha256=intake.hash.hexdigest(),
                create_time=now,
                update_time=now,
            )
            return await self._store(document, temporary, parse=parse, refuse_duplicate=refuse_duplicate)
        except BaseException:
            await asyncio.shield(self._discard(temporary))
            raise

    async def _store(self, document: Document, temporary: str, *, parse: bool, refuse_duplicate: bool) -> Upload:
        # The hidden row comes first: whatever happens from here on, the object can be found and removed.
        async with self.locks.lock(file_lock(document.sha256)):
            same = await self.documents.with_file(document.owner, document.sha256)
            if same is not None and refuse_duplicate:
                raise AlreadyExists(
                    told("NOT_STORED", {"why": told("DUPLICATE_FILE", {"name": same.name})}),
                    reason="DUPLICATE_FILE",
                    metadata={"document_id": same.document_id, "name": same.name},
                )
            try:
                await self.documents.add(document)
                await self.objects.move(temporary, object_key(document.sha256))
                stored = await self.documents.confirm(document.document_id, parse=parse, graph=self.graph)
                return Upload(stored, same)
            except BaseException:
                marking = asyncio.create_task(self._mark_failed(document.document_id))
                self.marking.add(marking)
                marking.add_done_callback(self.marking.discard)
                await asyncio.wait({marking}, timeout=_MARK_SECONDS)
                raise

    async def _mark_failed(self, document_id: str) -> None:
        """Mark the row of a failed upload, however long the database is away; a start of the service does it, too."""
        while True:
            try:
                await self.deletions.mark_failed_upload(document_id)
            except TikuError:
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _discard(self, temporary: str) -> None:
        with suppress(TikuError):
            await self.objects.delete(temporary)


@dataclass(slots=True)
class _Intake:
    """Measures a file while its bytes pass through."""

    name: str
    max_bytes: int
    must_parse: bool
    hash: hashlib._Hash = field(default_factory=hashlib.sha256)
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    """The last bytes of an archive."""
    size: int = 0
    media_type: str = ""

    async def through(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the same bytes; count, hash and sniff them, and raise as soon as the file must be refused."""
        async for chunk in chunks:
            if not chunk:
                continue
            self.size += len(chunk)
            if self.size > self.max_bytes:
                raise _refused(ParseReason.FILE_TOO_LARGE, {"limit": str(self.max_bytes)})
            if len(chunk) >= _HASH_IN_THREAD_BYTES:
                await asyncio.to_thread(self.hash.update, chunk)
            else:
                self.hash.update(chunk)
            await self._look(chunk)
            yield chunk
        if not self.size:
            raise _refused(ParseReason.EMPTY_FILE)
        if not self.media_type:
            await self._sniff()

    async def _look(self, chunk: bytes) -> None:
        """Sniff the first bytes as soon as they are there; only the end may tell what an archive holds."""
        if self.media_type:
            return
        self.head += chunk[: HEAD_BYTES - len(self.head)]
        archive = is_archive(bytes(self.head[:4]))
        if archive:
            self.tail += chunk[-TAIL_BYTES:]
            del self.tail[:-TAIL_BYTES]
        if len(self.head) >= HEAD_BYTES and (not archive or sniff(bytes(self.head)) != ZIP):
            await self._sniff()

    async def _sniff(self) -> None:
        head, tail = bytes(self.head), bytes(self.tail)
        self.head.clear()
        self.tail.clear()
        try:
            self.media_type = await asyncio.to_thread(
                admitted_media_type if self.must_parse else sniff, head, self.name, tail
            )
        except ParseError as error:
            metadata = {**error.metadata, "supported": ", ".join(SUPPORTED)}
            raise _refused(error.reason, metadata) from error


def _refused(reason: ParseReason, metadata: dict[str, str] | None = None) -> InvalidArgument:
    why = told(reason.value, metadata or {})
    return InvalidArgument(
        told("NOT_STORED", {"why": why}),
        reason=reason.value,
        metadata=metadata,
        violations=[FieldViolation("chunk", why)],
    )
