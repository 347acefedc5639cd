"""The gRPC edge of retrieval: translate in, call the domain, translate out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import NoReturn

from services.kit import context
from services.kit.errors import Unimplemented
from services.retrieval import messages
from services.retrieval.domain.answering.answerer import Answerer
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.search.hybrid import HybridRetriever, require_text
from services.retrieval.ports import Leg
from tiku.retrieval.v1 import graph_pb2, graph_pb2_grpc, retrieval_pb2, retrieval_pb2_grpc

_DEFAULT_HITS = 10
_DEFAULT_ANSWER_PASSAGES = 5


class RetrievalServicer(retrieval_pb2_grpc.RetrievalServiceServicer):
    """`tiku.retrieval.v1.RetrievalService`; the request's user owns the chunks that a call stores and finds."""

    def __init__(self, indexer: ChunkIndexer, dense: Leg, retriever: HybridRetriever, answerer: Answerer) -> None:
        self._indexer = indexer
        self._dense = dense
        self._retriever = retriever
        self._answerer = answerer

    async def IndexChunks(
        self, request: retrieval_pb2.IndexChunksRequest, _: object
    ) -> retrieval_pb2.IndexChunksResponse:
        """Store chunks with their vectors."""
        chunks = await messages.embedded_chunks(request.chunks)
        count = await self._indexer.index(request.embedding_model, context.current().user_id, chunks)
        return retrieval_pb2.IndexChunksResponse(indexed_count=count)

    async def DeleteDocument(
        self, request: retrieval_pb2.DeleteDocumentRequest, _: object
    ) -> retrieval_pb2.DeleteDocumentResponse:
        """Remove a document's chunks."""
        await self._indexer.delete_document(context.current().user_id, request.document_id)
        return retrieval_pb2.DeleteDocumentResponse()

    async def Search(self, request: retrieval_pb2.SearchRequest, _: object) -> retrieval_pb2.SearchResponse:
        """Find the nearest chunks."""
        require_text("query", request.query)
        query = messages.leg_query(request.query, request.filter, request.limit or _DEFAULT_HITS)
        return retrieval_pb2.SearchResponse(hits=messages.hits_message(await self._dense.find(query)))

    async def Retrieve(self, request: retrieval_pb2.RetrieveRequest, _: object) -> retrieval_pb2.RetrieveResponse:
        """Find passages to read."""
        query = messages.leg_query(request.query, request.filter, request.limit or _DEFAULT_HITS)
        found = await self._retriever.retrieve(query)
        return retrieval_pb2.RetrieveResponse(
            hits=messages.hits_message(found.hits), legs=found.legs, failed_legs=found.failed_legs
        )

    async def Answer(
        self, request: retrieval_pb2.AnswerRequest, _: object
    ) -> AsyncIterator[retrieval_pb2.AnswerResponse]:
        """Write a cited answer."""
        query = messages.leg_query(request.question, request.filter, request.limit or _DEFAULT_ANSWER_PASSAGES)
        async with contextlib.aclosing(self._answerer.answer(query, request.model)) as events:
            async for event in events:
                yield messages.answer_message(event)


class GraphServicer(graph_pb2_grpc.GraphServiceServicer):
    """`tiku.retrieval.v1.GraphService`, registered so that a caller learns which method this version does not serve."""

    async def Probe(self, request: graph_pb2.ProbeRequest, _: object) -> graph_pb2.ProbeResponse:
        """Raise Unimplemented."""
        _raise_not_served("Probe")

    async def Extract(self, request: graph_pb2.ExtractRequest, _: object) -> graph_pb2.ExtractResponse:
        """Raise Unimplemented."""
        _raise_not_served("Extract")

    async def Upsert(self, request: graph_pb2.UpsertRequest, _: object) -> graph_pb2.UpsertResponse:
        """Raise Unimplemented."""
        _raise_not_served("Upsert")

    async def Query(self, request: graph_pb2.QueryRequest, _: object) -> graph_pb2.QueryResponse:
        """Raise Unimplemented."""
        _raise_not_served("Query")

    async def Expand(self, request: graph_pb2.ExpandRequest, _: object) -> graph_pb2.ExpandResponse:
        """Raise Unimplemented."""
        _raise_not_served("Expand")


def _raise_not_served(method: str) -> NoReturn:
    raise Unimplemented(
        f"GraphService.{method} is not served by this version.", reason="NOT_IMPLEMENTED", metadata={"method": method}
    )
