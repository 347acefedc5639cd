"""Between the values of docs and the messages of `tiku.docs.v1`."""

from __future__ import annotations

from services.common.messages import message_of
from services.docs.domain.catalog.catalog import Download
from services.docs.values.document import (
    Document,
    DocumentEvent,
    DocumentKind,
    Failure,
    IndexingCompleted,
    StageProgress,
    StoredChunk,
)
from services.kit.time import to_timestamp
from tiku.docs.v1 import docs_pb2


def kind_value(kind: docs_pb2.DocumentKind.ValueType) -> DocumentKind | None:
    """Return a kind of documents; None where none is said."""
    if kind == docs_pb2.DOCUMENT_KIND_UNSPECIFIED:
        return None
    return DocumentKind(docs_pb2.DocumentKind.Name(kind).removeprefix("DOCUMENT_KIND_"))


def document_message(document: Document) -> docs_pb2.Document:
    """Return a document's row."""
    return docs_pb2.Document(
        document_id=document.document_id,
        name=document.name,
        kind=docs_pb2.DocumentKind.Value(f"DOCUMENT_KIND_{document.kind}"),
        media_type=document.media_type,
        size_bytes=document.size_bytes,
        sha256=document.sha256,
        state=docs_pb2.DocumentState.Value(f"DOCUMENT_STATE_{document.state}"),
        failure=message_of(docs_pb2.Failure, document.failure) if document.failure else None,
        page_count=document.page_count,
        text_length=document.text_length,
        chunk_count=document.chunk_count,
        language=document.language,
        title=document.title,
        create_time=to_timestamp(document.create_time),
        update_time=to_timestamp(document.update_time),
    )


def download_message(download: Download) -> docs_pb2.DownloadDescription:
    """Return what is said of a range of a file before its bytes."""
    return docs_pb2.DownloadDescription(
        name=download.document.name,
        media_type=download.document.media_type,
        size_bytes=download.document.size_bytes,
        offset_bytes=download.offset,
        length_bytes=download.length,
        sha256=download.document.sha256,
    )


def event_message(event: DocumentEvent, document: Document) -> docs_pb2.WatchDocumentResponse:
    """Return an event of a job; the one of its success carries the document."""
    response = docs_pb2.WatchDocumentResponse(number=event.number, time=to_timestamp(event.time))
    match event.payload:
        case StageProgress(stage, done, total):
            number = docs_pb2.Stage.Value(f"STAGE_{stage}")
            response.progress.CopyFrom(docs_pb2.DocumentProgress(stage=number, done=done, total=total))
        case IndexingCompleted():
            response.indexed.document.CopyFrom(document_message(document))
        case Failure() as failure:
            response.failed.CopyFrom(message_of(docs_pb2.Failure, failure))
    return response


def chunk_message(chunk: StoredChunk) -> docs_pb2.DocumentChunk:
    """Return a passage."""
    return docs_pb2.DocumentChunk(
        chunk_id=chunk.chunk_id,
        ordinal=chunk.ordinal,
        text=chunk.text,
        page=chunk.page,
        start=chunk.start,
        end=chunk.end,
        heading_path=chunk.heading_path,
    )
