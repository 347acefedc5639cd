"""Between the values of docs and the messages of `tiku.docs.v1`."""

from __future__ import annotations

from services.common.messages import message_of
from services.common.values import DocumentKind
from services.docs.domain.catalog.catalog import Download
from services.docs.domain.wording.wording import failure_text, page_ranges, warning_text
from services.docs.values.document import (
    Document,
    DocumentEvent,
    Failure,
    GraphBuilt,
    GraphFailed,
    IndexingCompleted,
    StageProgress,
)
from services.docs.values.parsed_document import ReadingWarning
from services.kit.time import to_timestamp
from tiku.docs.v1 import docs_pb2


def kind_value(kind: docs_pb2.DocumentKind.ValueType) -> DocumentKind | None:
    """Return a kind of documents; None where none is said."""
    if kind == docs_pb2.DOCUMENT_KIND_UNSPECIFIED:
        return None
    return DocumentKind(docs_pb2.DocumentKind.Name(kind).removeprefix("DOCUMENT_KIND_"))


def document_message(document: Document) -> docs_pb2.Document:
    """Return a document's row."""
    return message_of(
        docs_pb2.Document,
        document,
        kind=docs_pb2.DocumentKind.Value(f"DOCUMENT_KIND_{document.kind}"),
        state=docs_pb2.DocumentState.Value(f"DOCUMENT_STATE_{document.state}"),
        failure=_failure_message(document.failure) if document.failure else None,
        warnings=[_warning_message(warning) for warning in document.warnings],
        graph_failure=_failure_message(document.graph_failure) if document.graph_failure else None,
        create_time=to_timestamp(document.create_time),
        update_time=to_timestamp(document.update_time),
    )


def _failure_message(failure: Failure) -> docs_pb2.Failure:
    return docs_pb2.Failure(reason=failure.reason, message=failure_text(failure))


def _warning_message(warning: ReadingWarning) -> docs_pb2.Warning:
    ranges = [docs_pb2.PageRange(first=first, last=last) for first, last in page_ranges(warning.pages)]
    return docs_pb2.Warning(reason=warning.reason, message=warning_text(warning), pages=ranges)


def download_message(download: Download) -> docs_pb2.DownloadDescription:
    """Return what is said of a range of a file before its bytes."""
    return message_of(
        docs_pb2.DownloadDescription,
        download.document,
        offset_bytes=download.offset,
        length_bytes=download.length,
    )


def event_message(event: DocumentEvent, document: Document) -> docs_pb2.WatchDocumentResponse:
    """Return an event of a job; the one of its success carries the document."""
    response = docs_pb2.WatchDocumentResponse(number=event.number, time=to_timestamp(event.time))
    match event.payload:
        case StageProgress(stage) as progress:
            number = docs_pb2.Stage.Value(f"STAGE_{stage}")
            response.progress.CopyFrom(message_of(docs_pb2.DocumentProgress, progress, stage=number))
        case IndexingCompleted():
            response.indexed.document.CopyFrom(document_message(document))
        case Failure() as failure:
            response.failed.MergeFrom(_failure_message(failure))
        case GraphBuilt():
            response.graph_built.document.CopyFrom(document_message(document))
        case GraphFailed(failure):
            response.graph_failed.MergeFrom(_failure_message(failure))
    return response
