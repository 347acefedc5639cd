"""The gRPC edge of the documents: translate in, call the domain, translate out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc

from services.docs.domain.catalog.catalog import DocumentCatalog
from services.docs.domain.catalog.deletion import Deleter
from services.docs.domain.catalog.watcher import Watcher
from services.docs.domain.upload.uploader import Uploader
from services.docs.values.document import (
    Document,
    DocumentEvent,
    DocumentKind,
    Failure,
    IndexingCompleted,
    StageProgress,
    StoredChunk,
)
from services.kit.context import current
from services.kit.errors import FieldViolation, InvalidArgument
from services.kit.time import to_timestamp
from tiku.docs.v1 import docs_pb2, docs_pb2_grpc

_DOWNLOAD_BYTES = 256 * 1024

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class DocsServicer(docs_pb2_grpc.DocsServiceServicer):
    """`tiku.docs.v1.DocsService`, on the documents of the request's user."""

    uploader: Uploader
    catalog: DocumentCatalog
    deleter: Deleter
    watcher: Watcher

    async def UploadDocument(
        self, request_iterator: AsyncIterator[docs_pb2.UploadDocumentRequest], context: Context
    ) -> docs_pb2.UploadDocumentResponse:
        """Store a file whose description and bytes arrive as a stream."""
        requests = aiter(request_iterator)
        description = await _description(requests)
        document = await self.uploader.upload(
            _user(),
            description.name,
            _kind(description.kind) or DocumentKind.MATERIAL,
            _bytes(requests),
            parse=description.parse,
        )
        return docs_pb2.UploadDocumentResponse(document=_document(document))

    async def GetDocument(self, request: docs_pb2.GetDocumentRequest, context: Context) -> docs_pb2.GetDocumentResponse:
        """Return a document."""
        document = await self.catalog.get(request.document_id, _user())
        return docs_pb2.GetDocumentResponse(document=_document(document))

    async def ListDocuments(
        self, request: docs_pb2.ListDocumentsRequest, context: Context
    ) -> docs_pb2.ListDocumentsResponse:
        """Return a page of documents, newest first."""
        page = await self.catalog.list(
            _user(), kind=_kind(request.kind), page_size=request.page_size, page_token=request.page_token
        )
        return docs_pb2.ListDocumentsResponse(
            documents=[_document(document) for document in page.items], next_page_token=page.next_page_token
        )

    async def DeleteDocument(
        self, request: docs_pb2.DeleteDocumentRequest, context: Context
    ) -> docs_pb2.DeleteDocumentResponse:
        """Delete a document."""
        await self.deleter.delete(request.document_id, _user())
        return docs_pb2.DeleteDocumentResponse()

    async def DownloadDocument(
        self, request: docs_pb2.DownloadDocumentRequest, context: Context
    ) -> AsyncIterator[docs_pb2.DownloadDocumentResponse]:
        """Yield the description of a range of a file, then its bytes."""
        download = await self.catalog.download(request.document_id, _user(), request.offset_bytes, request.length_bytes)
        document = download.document
        yield docs_pb2.DownloadDocumentResponse(
            description=docs_pb2.DownloadDescription(
                name=document.name,
                media_type=document.media_type,
                size_bytes=document.size_bytes,
                offset_bytes=download.offset,
                length_bytes=download.length,
                sha256=document.sha256,
            )
        )
        async for part in download.parts:
            for start in range(0, len(part), _DOWNLOAD_BYTES):
                yield docs_pb2.DownloadDocumentResponse(chunk=part[start : start + _DOWNLOAD_BYTES])

    async def GetDocumentText(
        self, request: docs_pb2.GetDocumentTextRequest, context: Context
    ) -> docs_pb2.GetDocumentTextResponse:
        """Return a slice of a normalized text."""
        found = await self.catalog.text(request.document_id, _user(), request.start, request.end)
        return docs_pb2.GetDocumentTextResponse(
            text=found.text, start=found.start, end=found.end, text_length=found.text_length
        )

    async def ParseDocument(
        self, request: docs_pb2.ParseDocumentRequest, context: Context
    ) -> docs_pb2.ParseDocumentResponse:
        """Queue a document's index job."""
        document = await self.catalog.parse(request.document_id, _user())
        return docs_pb2.ParseDocumentResponse(document=_document(document))

    async def WatchDocument(
        self, request: docs_pb2.WatchDocumentRequest, context: Context
    ) -> AsyncIterator[docs_pb2.WatchDocumentResponse]:
        """Yield the events of a document's job until it ends."""
        async with aclosing(self.watcher.watch(request.document_id, _user(), request.after)) as events:
            async for event, document in events:
                yield _event(event, document)

    async def ListChunks(self, request: docs_pb2.ListChunksRequest, context: Context) -> docs_pb2.ListChunksResponse:
        """Return a page of chunks in reading order."""
        page = await self.catalog.chunks(
            request.document_id, _user(), page_size=request.page_size, page_token=request.page_token
        )
        return docs_pb2.ListChunksResponse(
            chunks=[_chunk(chunk) for chunk in page.items], next_page_token=page.next_page_token
        )


def _user() -> str:
    return current().user_id


async def _description(requests: AsyncIterator[docs_pb2.UploadDocumentRequest]) -> docs_pb2.UploadDescription:
    async for request in requests:
        if request.WhichOneof("payload") == "description":
            return request.description
        break
    raise _misplaced("must be the first message of an upload")


async def _bytes(requests: AsyncIterator[docs_pb2.UploadDocumentRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.WhichOneof("payload") != "chunk":
            raise _misplaced("must be sent once, before the bytes")
        yield request.chunk


def _misplaced(rule: str) -> InvalidArgument:
    return InvalidArgument(
        f"description {rule}.", reason="MISPLACED_DESCRIPTION", violations=[FieldViolation("description", rule)]
    )


def _kind(kind: docs_pb2.DocumentKind.ValueType) -> DocumentKind | None:
    if kind == docs_pb2.DOCUMENT_KIND_UNSPECIFIED:
        return None
    return DocumentKind(docs_pb2.DocumentKind.Name(kind).removeprefix("DOCUMENT_KIND_"))


def _document(document: Document) -> docs_pb2.Document:
    return docs_pb2.Document(
        document_id=document.document_id,
        name=document.name,
        kind=docs_pb2.DocumentKind.Value(f"DOCUMENT_KIND_{document.kind}"),
        media_type=document.media_type,
        size_bytes=document.size_bytes,
        sha256=document.sha256,
        state=docs_pb2.DocumentState.Value(f"DOCUMENT_STATE_{document.state}"),
        failure=_failure(document.failure) if document.failure else None,
        page_count=document.page_count,
        text_length=document.text_length,
        chunk_count=document.chunk_count,
        language=document.language,
        title=document.title,
        create_time=to_timestamp(document.create_time),
        update_time=to_timestamp(document.update_time),
    )


def _failure(failure: Failure) -> docs_pb2.Failure:
    return docs_pb2.Failure(reason=failure.reason, message=failure.message)


def _event(event: DocumentEvent, document: Document) -> docs_pb2.WatchDocumentResponse:
    response = docs_pb2.WatchDocumentResponse(number=event.number, time=to_timestamp(event.time))
    match event.payload:
        case StageProgress(stage, done, total):
            response.progress.CopyFrom(
                docs_pb2.DocumentProgress(stage=docs_pb2.Stage.Value(f"STAGE_{stage}"), done=done, total=total)
            )
        case IndexingCompleted():
            response.indexed.CopyFrom(docs_pb2.DocumentIndexed(document=_document(document)))
        case Failure() as failure:
            response.failed.CopyFrom(_failure(failure))
    return response


def _chunk(chunk: StoredChunk) -> docs_pb2.DocumentChunk:
    return docs_pb2.DocumentChunk(
        chunk_id=chunk.chunk_id,
        ordinal=chunk.ordinal,
        text=chunk.text,
        page=chunk.page,
        start=chunk.start,
        end=chunk.end,
        heading_path=chunk.heading_path,
    )
