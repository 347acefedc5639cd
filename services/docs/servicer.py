"""The gRPC edge of the documents: translate in, call the domain, translate out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from services.common.messages import message_of
from services.common.values import DocumentKind
from services.docs import messages
from services.docs.domain.catalog.catalog import DocumentCatalog
from services.docs.domain.catalog.deletion import Deleter
from services.docs.domain.catalog.watcher import Watcher
from services.docs.domain.upload.uploader import Uploader
from services.docs.domain.wording.wording import same_file_text
from services.kit.context import current
from services.kit.errors import FieldViolation, InvalidArgument
from services.kit.texts import clean
from tiku.docs.v1 import docs_pb2, docs_pb2_grpc

_DOWNLOAD_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class DocsServicer(docs_pb2_grpc.DocsServiceServicer):
    """`tiku.docs.v1.DocsService`, on the documents of the request's user."""

    uploader: Uploader
    catalog: DocumentCatalog
    deleter: Deleter
    watcher: Watcher

    async def UploadDocument(
        self, request_iterator: AsyncIterator[docs_pb2.UploadDocumentRequest], _: object
    ) -> docs_pb2.UploadDocumentResponse:
        """Store a file whose description and bytes arrive as a stream."""
        requests = aiter(request_iterator)
        description = await _description(requests)
        upload = await self.uploader.upload(
            current().user_id,
            clean(description.name),
            messages.kind_value(description.kind) or DocumentKind.MATERIAL,
            _bytes(requests),
            parse=description.parse,
            refuse_duplicate=description.refuse_duplicate,
        )
        same = upload.duplicate_of
        return docs_pb2.UploadDocumentResponse(
            document=messages.document_message(upload.document),
            duplicate_of=messages.document_message(same) if same else None,
            duplicate_message=same_file_text(same) if same else "",
        )

    async def GetDocument(self, request: docs_pb2.GetDocumentRequest, _: object) -> docs_pb2.GetDocumentResponse:
        """Return a document."""
        document = await self.catalog.get(request.document_id, current().user_id)
        return docs_pb2.GetDocumentResponse(document=messages.document_message(document))

    async def ListDocuments(self, request: docs_pb2.ListDocumentsRequest, _: object) -> docs_pb2.ListDocumentsResponse:
        """Return a page of documents, newest first."""
        page = await self.catalog.list(
            current().user_id,
            kind=messages.kind_value(request.kind),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return docs_pb2.ListDocumentsResponse(
            documents=[messages.document_message(document) for document in page.items],
            next_page_token=page.next_page_token,
        )

    async def DeleteDocument(
        self, request: docs_pb2.DeleteDocumentRequest, _: object
    ) -> docs_pb2.DeleteDocumentResponse:
        """Delete a document."""
        await self.deleter.delete(request.document_id, current().user_id)
        return docs_pb2.DeleteDocumentResponse()

    async def DownloadDocument(
        self, request: docs_pb2.DownloadDocumentRequest, _: object
    ) -> AsyncIterator[docs_pb2.DownloadDocumentResponse]:
        """Yield the description of a range of a file, then its bytes."""
        download = await self.catalog.download(
            request.document_id, current().user_id, request.offset_bytes, request.length_bytes
        )
        yield docs_pb2.DownloadDocumentResponse(description=messages.download_message(download))
        async for part in download.parts:
            for start in range(0, len(part), _DOWNLOAD_BYTES):
                yield docs_pb2.DownloadDocumentResponse(chunk=part[start : start + _DOWNLOAD_BYTES])

    async def GetDocumentText(
        self, request: docs_pb2.GetDocumentTextRequest, _: object
    ) -> docs_pb2.GetDocumentTextResponse:
        """Return a slice of a normalized text."""
        found = await self.catalog.text(request.document_id, current().user_id, request.start, request.end)
        return message_of(docs_pb2.GetDocumentTextResponse, found)

    async def ParseDocument(self, request: docs_pb2.ParseDocumentRequest, _: object) -> docs_pb2.ParseDocumentResponse:
        """Queue a document's index job, its graph job, or both."""
        document = await self.catalog.parse(request.document_id, current().user_id, graph=request.graph)
        return docs_pb2.ParseDocumentResponse(document=messages.document_message(document))

    async def WatchDocument(
        self, request: docs_pb2.WatchDocumentRequest, _: object
    ) -> AsyncIterator[docs_pb2.WatchDocumentResponse]:
        """Yield the events of a document's job until it ends."""
        watched = self.watcher.watch(request.document_id, current().user_id, request.after, graph=request.graph)
        async with aclosing(watched) as events:
            async for event, document in events:
                yield messages.event_message(event, document)

    async def ListChunks(self, request: docs_pb2.ListChunksRequest, _: object) -> docs_pb2.ListChunksResponse:
        """Return a page of chunks in reading order."""
        page = await self.catalog.chunks(
            request.document_id, current().user_id, page_size=request.page_size, page_token=request.page_token
        )
        return docs_pb2.ListChunksResponse(
            chunks=[message_of(docs_pb2.DocumentChunk, chunk) for chunk in page.items],
            next_page_token=page.next_page_token,
        )


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
