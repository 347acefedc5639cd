"""The index and the graph of the retrieval service."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from services.common.messages import message_of
from services.docs.values.document import Document, PassageVectors, StoredChunk
from services.kit.rpc_errors import translated
from tiku.docs.v1 import docs_pb2
from tiku.retrieval.v1 import graph_pb2, graph_pb2_grpc, retrieval_pb2, retrieval_pb2_grpc

RETRIED = ("tiku.retrieval.v1.RetrievalService/IndexChunks", "tiku.retrieval.v1.RetrievalService/DeleteDocument")
"""Calls that gRPC may repeat by itself when the service is unavailable: a second one changes nothing."""

_MOST_HEADINGS = 16


class RetrievalIndex:
    """Chunks in the retrieval service; `timeout` of a call is in seconds."""

    def __init__(self, channel: grpc.aio.Channel, *, timeout: float = 60.0) -> None:
        self._stub = retrieval_pb2_grpc.RetrievalServiceStub(channel)
        self._timeout = timeout

    async def index(self, document: Document, chunks: Sequence[StoredChunk], embeddings: PassageVectors) -> None:
        """Send chunks and vectors in one call; headings after the 16th are left out."""
        request = retrieval_pb2.IndexChunksRequest(embedding_model=embeddings.model)
        for chunk, vector in zip(chunks, embeddings.vectors, strict=True):
            request.chunks.add(chunk=_chunk_message(document, chunk), vector=vector)
        with translated():
            await self._stub.IndexChunks(request, timeout=self._timeout)

    async def delete(self, document_id: str) -> None:
        """Ask for the deletion."""
        request = retrieval_pb2.DeleteDocumentRequest(document_id=document_id)
        with translated():
            await self._stub.DeleteDocument(request, timeout=self._timeout)


class RetrievalGraph:
    """What chunks speak of, in the retrieval service; `timeout` of a call is in seconds.

    It is longer than what the service itself allows a batch, so that a call is over on both sides when it ends.
    """

    def __init__(self, channel: grpc.aio.Channel, *, timeout: float = 180.0) -> None:
        self._stub = graph_pb2_grpc.GraphServiceStub(channel)
        self._timeout = timeout

    async def add(self, document: Document, chunks: Sequence[StoredChunk]) -> None:
        """Send chunks in one call; headings after the 16th are left out."""
        request = graph_pb2.AddChunksRequest(chunks=[_chunk_message(document, chunk) for chunk in chunks])
        with translated():
            await self._stub.AddChunks(request, timeout=self._timeout)


def _chunk_message(document: Document, chunk: StoredChunk) -> retrieval_pb2.Chunk:
    return message_of(
        retrieval_pb2.Chunk,
        chunk,
        document_id=document.document_id,
        document_name=document.name,
        document_kind=docs_pb2.DocumentKind.Value(f"DOCUMENT_KIND_{document.kind}"),
        heading_path=chunk.heading_path[:_MOST_HEADINGS],
    )
