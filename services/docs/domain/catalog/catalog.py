"""Reading what is stored of documents: rows, files, normalized texts, chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from services.common.values import DocumentKind
from services.docs.domain.objects import TEXT_ENCODING, TEXT_WIDTH, object_key, text_key
from services.docs.domain.wording.wording import told
from services.docs.ports import DocumentStore, ObjectStore
from services.docs.values.document import Document, ListPosition, StoredChunk
from services.kit import ids
from services.kit.errors import DataLoss, FailedPrecondition, FieldViolation, InvalidArgument, NotFound, OutOfRange
from services.kit.paging import decode_cursor, encode_cursor, foreign_token

T = TypeVar("T")

DOCUMENTS_A_PAGE = 50
CHUNKS_A_PAGE = 100
MOST_TEXT_CHARS = 200_000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and the token of the next part; the token is empty on the last page."""

    items: Sequence[T]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class Download:
    """The bytes `[offset, offset + length)` of a document's file, in parts."""

    document: Document
    offset: int
    length: int
    parts: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class TextSlice:
    """The slice `[start, end)` of a normalized text of `text_length` code points."""

    text: str
    start: int
    end: int
    text_length: int


@dataclass(frozen=True, slots=True)
class DocumentCatalog:
    """A user's documents; every method raises NotFound for another user's document, as for one that does not exist."""

    documents: DocumentStore
    objects: ObjectStore
    graph: bool = False
    """Whether every document is added to the knowledge graph."""

    async def get(self, document_id: str, owner: str) -> Document:
        """Return the document's row."""
        document = await self.documents.get(checked_id(document_id), owner)
        if document is None:
            raise unknown_document(document_id)
        return document

    async def list(self, owner: str, *, kind: DocumentKind | None, page_size: int, page_token: str) -> Page[Document]:
        """Return documents newest first, `page_size` of them (0 for 50); refuse a page token of another list."""
        limit = page_size or DOCUMENTS_A_PAGE
        after = _position(page_token) if page_token else None
        documents = await self.documents.list(owner, kind, after, limit + 1)
        token = ""
        if len(documents) > limit:
            last = documents[limit - 1]
            token = encode_cursor({"t": last.create_time.isoformat(), "d": last.document_id})
        return Page(documents[:limit], token)

    async def parse(self, document_id: str, owner: str, *, graph: bool = False) -> Document:
        """Queue the document's job; nothing changes when it is queued, runs, or has succeeded.

        With `graph`, and where every document is added to the knowledge graph, the job that does so is queued likewise.
        """
        document = await self.documents.request_indexing(checked_id(document_id), owner, graph=graph or self.graph)
        if document is None:
            raise unknown_document(document_id)
        return document

    async def download(self, document_id: str, owner: str, offset: int, length: int) -> Download:
        """Return at most `length` bytes of the file (0 for all) from `offset` on; past its end is OutOfRange."""
        document = await self.get(document_id, owner)
        if offset > document.size_bytes:
            raise _past_end("offset_bytes", "file", document.size_bytes)
        stored = await self.objects.size(object_key(document.sha256))
        if stored is not None and stored < document.size_bytes:
            raise _damaged(document_id)
        end = min(document.size_bytes, offset + length) if length else document.size_bytes
        parts = self.objects.read(object_key(document.sha256), offset, end)
        return Download(document, offset, end - offset, parts)

    async def text(self, document_id: str, owner: str, start: int, end: int) -> TextSlice:
        """Return the slice `[start, end)` of the normalized text, in code points.

        An `end` of 0, or past the text's end, means that end. At most 200,000 characters are returned.
        """
        document = await self.get(document_id, owner)
        total = document.text_length
        if not total:
            raise FailedPrecondition(told("NOT_PARSED", {}), reason="NOT_PARSED")
        if start > total:
            raise _past_end("start", "text", total)
        if end and end < start:
            rule = "must not be before start"
            raise InvalidArgument(f"end {rule}.", violations=[FieldViolation("end", rule)])
        end = min(end or total, total, start + MOST_TEXT_CHARS)
        parts = self.objects.read(text_key(document_id), start * TEXT_WIDTH, end * TEXT_WIDTH)
        stored = b"".join([part async for part in parts])
        if len(stored) < (end - start) * TEXT_WIDTH:
            raise _damaged(document_id)
        text = stored.decode(TEXT_ENCODING)
        return TextSlice(text, start, end, total)

    async def chunks(self, document_id: str, owner: str, *, page_size: int, page_token: str) -> Page[StoredChunk]:
        """Return chunks in reading order, `page_size` of them (0 for 100); refuse a page token of another list."""
        await self.get(document_id, owner)
        limit = page_size or CHUNKS_A_PAGE
        first = _ordinal(page_token, document_id) if page_token else 0
        chunks = await self.documents.chunks(document_id, first, limit + 1)
        token = encode_cursor({"d": document_id, "o": first + limit}) if len(chunks) > limit else ""
        return Page(chunks[:limit], token)


def _damaged(document_id: str) -> DataLoss:
    return DataLoss(
        told("FILE_DAMAGED", {}),
        reason="FILE_DAMAGED",
        metadata={"document_id": document_id},
    )


def checked_id(document_id: str) -> str:
    """Return the id in canonical form; a text that cannot be an id is NotFound."""
    if not ids.is_id(document_id):
        raise unknown_document(document_id)
    return document_id.lower()


def unknown_document(document_id: str) -> NotFound:
    """Return the error for a document that does not exist, or is another user's."""
    return NotFound(
        told("DOCUMENT_NOT_FOUND", {}), reason="DOCUMENT_NOT_FOUND", metadata={"document_id": document_id[:64]}
    )


def _past_end(field: str, what: str, end: int) -> OutOfRange:
    rule = f"must be at most {end}"
    return OutOfRange(f"{field} lies past the {what}'s end at {end}.", violations=[FieldViolation(field, rule)])


def _position(token: str) -> ListPosition:
    match decode_cursor(token):
        case {"t": str(moment), "d": str(document_id)} if ids.is_id(document_id):
            with suppress(ValueError):
                create_time = datetime.fromisoformat(moment)
                if create_time.tzinfo is not None:
                    return ListPosition(create_time, document_id)
    raise foreign_token()


def _ordinal(token: str, document_id: str) -> int:
    match decode_cursor(token):
        case {"d": str(found), "o": int(ordinal)} if found == document_id and 0 <= ordinal < 2**31:
            return ordinal
    raise foreign_token()
