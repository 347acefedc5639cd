"""Reading what is stored of documents: rows, files, normalized texts, chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from services.docs.domain.objects import TEXT_ENCODING, TEXT_WIDTH, object_key, text_key
from services.docs.ports import ChunkStore, DocumentStore, JobRequests, ObjectStore
from services.docs.values.document import (
    Document,
    DocumentKind,
    ListPosition,
    StoredChunk,
)
from services.kit import ids
from services.kit.errors import DataLoss, FailedPrecondition, FieldViolation, InvalidArgument, NotFound, OutOfRange
from services.kit.paging import decode_cursor, encode_cursor

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


class DocumentCatalog:
    """A user's documents; another user's document is NotFound, as if it did not exist."""

    def __init__(
        self, documents: DocumentStore, requests: JobRequests, chunks: ChunkStore, objects: ObjectStore
    ) -> None:
        self._documents = documents
        self._requests = requests
        self._chunks = chunks
        self._objects = objects

    async def get(self, document_id: str, owner: str) -> Document:
        """Return the document's row.

        Raises:
            NotFound: the owner has no such document.
        """
        document = await self._documents.get(checked_id(document_id), owner)
        if document is None:
            raise unknown_document(document_id)
        return document

    async def list(self, owner: str, *, kind: DocumentKind | None, page_size: int, page_token: str) -> Page[Document]:
        """Return documents newest first, `page_size` of them (0 for 50).

        Raises:
            InvalidArgument: the page token is not one of this list.
        """
        limit = page_size or DOCUMENTS_A_PAGE
        after = _position(page_token) if page_token else None
        documents = await self._documents.list(owner, kind, after, limit + 1)
        token = ""
        if len(documents) > limit:
            last = documents[limit - 1]
            token = encode_cursor({"t": last.create_time.isoformat(), "d": last.document_id})
        return Page(documents[:limit], token)

    async def parse(self, document_id: str, owner: str) -> Document:
        """Queue the document's job; nothing changes when it is queued, runs, or has succeeded.

        Raises:
            NotFound: the owner has no such document.
        """
        document = await self._requests.request(checked_id(document_id), owner)
        if document is None:
            raise unknown_document(document_id)
        return document

    async def download(self, document_id: str, owner: str, offset: int, length: int) -> Download:
        """Return the file from byte `offset` on, at most `length` bytes of it (0 for all that follow).

        Raises:
            NotFound: the owner has no such document.
            OutOfRange: the offset lies past the file's end.
            DataLoss: bytes of the stored file are missing.
        """
        document = await self.get(document_id, owner)
        if offset > document.size_bytes:
            raise OutOfRange(
                f"offset_bytes lies past the file's end at {document.size_bytes}.",
                violations=[FieldViolation("offset_bytes", f"must be at most {document.size_bytes}")],
            )
        stored = await self._objects.size(object_key(document.sha256))
        if stored is not None and stored < document.size_bytes:
            raise _damaged(document_id)
        end = min(document.size_bytes, offset + length) if length else document.size_bytes
        parts = self._objects.read(object_key(document.sha256), offset, end)
        return Download(document, offset, end - offset, parts)

    async def text(self, document_id: str, owner: str, start: int, end: int) -> TextSlice:
        """Return the slice `[start, end)` of the normalized text, in code points.

        An `end` of 0, or past the text's end, means that end. At most 200,000 characters are returned.

        Raises:
            NotFound: the owner has no such document.
            FailedPrecondition: the document is not parsed yet.
            OutOfRange: `start` lies past the text's end.
            InvalidArgument: `end` lies before `start`.
            DataLoss: a part of the stored text is missing.
        """
        document = await self.get(document_id, owner)
        total = document.text_length
        if not total:
            raise FailedPrecondition("The document has no text yet: it must be parsed first.", reason="NOT_PARSED")
        if start > total:
            raise OutOfRange(
                f"start lies past the text's end at {total}.",
                violations=[FieldViolation("start", f"must be at most {total}")],
            )
        if end and end < start:
            raise InvalidArgument(
                "end must not be before start.", violations=[FieldViolation("end", "must not be before start")]
            )
        end = min(end or total, total, start + MOST_TEXT_CHARS)
        parts = self._objects.read(text_key(document_id), start * TEXT_WIDTH, end * TEXT_WIDTH)
        stored = b"".join([part async for part in parts])
        if len(stored) < (end - start) * TEXT_WIDTH:
            raise _damaged(document_id)
        text = stored.decode(TEXT_ENCODING)
        return TextSlice(text, start, end, total)

    async def chunks(self, document_id: str, owner: str, *, page_size: int, page_token: str) -> Page[StoredChunk]:
        """Return chunks in reading order, `page_size` of them (0 for 100).

        Raises:
            NotFound: the owner has no such document.
            InvalidArgument: the page token is not one of this list.
        """
        await self.get(document_id, owner)
        limit = page_size or CHUNKS_A_PAGE
        first = _ordinal(page_token, document_id) if page_token else 0
        chunks = await self._chunks.list(document_id, first, limit + 1)
        token = encode_cursor({"d": document_id, "o": first + limit}) if len(chunks) > limit else ""
        return Page(chunks[:limit], token)


def _damaged(document_id: str) -> DataLoss:
    return DataLoss(
        "The stored file is damaged: a part of it is missing.",
        reason="FILE_DAMAGED",
        metadata={"document_id": document_id},
    )


def checked_id(document_id: str) -> str:
    """Return the id in canonical form.

    Raises:
        NotFound: the text cannot be an id.
    """
    if not ids.is_id(document_id):
        raise unknown_document(document_id)
    return document_id.lower()


def unknown_document(document_id: str) -> NotFound:
    """Return the error for a document that does not exist, or is another user's."""
    return NotFound(
        "There is no such document.", reason="DOCUMENT_NOT_FOUND", metadata={"document_id": document_id[:64]}
    )


def _position(token: str) -> ListPosition:
    match decode_cursor(token):
        case {"t": str(moment), "d": str(document_id)} if ids.is_id(document_id):
            try:
                create_time = datetime.fromisoformat(moment)
            except ValueError:
                raise _foreign_token() from None
            if create_time.tzinfo is not None:
                return ListPosition(create_time, document_id)
    raise _foreign_token()


def _ordinal(token: str, document_id: str) -> int:
    match decode_cursor(token):
        case {"d": str(found), "o": int(ordinal)} if found == document_id and 0 <= ordinal < 2**31:
            return ordinal
    raise _foreign_token()


def _foreign_token() -> InvalidArgument:
    rule = "must be the next_page_token of an earlier response to the same request"
    return InvalidArgument(
        f"page_token {rule}.", reason="INVALID_PAGE_TOKEN", violations=[FieldViolation("page_token", rule)]
    )
