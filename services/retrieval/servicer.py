"""The gRPC edge of retrieval: translate in, call the domain, translate out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.kit import context
from services.retrieval import messages
from services.retrieval.domain.answering.answerer import Answerer
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.search.hybrid import HybridRetriever, require_text
from services.retrieval.ports import Leg
from tiku.retrieval.v1 import retrieval_pb2 as pb
from tiku.retrieval.v1.retrieval_pb2_grpc import RetrievalServiceServicer

_DEFAULT_HITS = 10
_DEFAULT_ANSWER_PASSAGES = 5


@dataclass(frozen=True, slots=True)
class RetrievalServicer(RetrievalServiceServicer):
    """`tiku.retrieval.v1.RetrievalService`; the request's user owns the chunks that a call stores and finds."""

    _indexer: ChunkIndexer
    _dense: Leg
    _retriever: HybridRetriever
    _answerer: Answerer

    async def IndexChunks(self, request: pb.IndexChunksRequest, _: object) -> pb.IndexChunksResponse:
        """Store chunks with their vectors."""
        chunks = await messages.embedded_chunks(request.chunks)
        count = await self._indexer.index(request.embedding_model, context.current().user_id, chunks)
        return pb.IndexChunksResponse(indexed_count=count)

    async def DeleteDocument(self, request: pb.DeleteDocumentRequest, _: object) -> pb.DeleteDocumentResponse:
        """Remove a document's chunks."""
        await self._indexer.delete_document(context.current().user_id, request.document_id)
        return pb.DeleteDocumentResponse()

    async def Search(self, request: pb.SearchRequest, _: object) -> pb.SearchResponse:
        """Find the nearest chunks."""
        require_text("query", request.query)
        query = messages.leg_query(request.query, request.filter, request.limit or _DEFAULT_HITS)
        return pb.SearchResponse(hits=messages.hits_message(await self._dense.find(query)))

    async def Retrieve(self, request: pb.RetrieveRequest, _: object) -> pb.RetrieveResponse:
        """Find passages to read."""
        query = messages.leg_query(request.query, request.filter, request.limit or _DEFAULT_HITS)
        found = await self._retriever.retrieve(query)
        return pb.RetrieveResponse(
            hits=messages.hits_message(found.hits), legs=found.legs, failed_legs=found.failed_legs
        )

    async def Answer(self, request: pb.AnswerRequest, _: object) -> AsyncIterator[pb.AnswerResponse]:
        """Write a cited answer."""
        query = messages.leg_query(request.question, request.filter, request.limit or _DEFAULT_ANSWER_PASSAGES)
        async with contextlib.aclosing(self._answerer.answer(query, request.model)) as events:
            async for event in events:
                yield messages.answer_message(event)
