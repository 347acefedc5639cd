"""The gRPC edge of retrieval: translate in, call the domain, translate out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import NoReturn

from services.kit import context
from services.kit.errors import FieldViolation, InvalidArgument, Unimplemented
from services.retrieval.domain.answering import answerer as answering
from services.retrieval.domain.answering import citations as citing
from services.retrieval.domain.answering.answerer import Answerer
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.search.hybrid import HybridRetriever
from services.retrieval.ports import Leg
from services.retrieval.values.chunk import Chunk, EmbeddedChunk, Hit, Source
from services.retrieval.values.query import LegQuery
from tiku.common.v1 import source_pb2
from tiku.retrieval.v1 import graph_pb2, graph_pb2_grpc, retrieval_pb2, retrieval_pb2_grpc

_DEFAULT_HITS = 10
_DEFAULT_ANSWER_PASSAGES = 5
_YIELD_EVERY = 16  # chunks translated between two turns of the loop; about 1 ms

_OUTCOMES = {
    answering.AnswerOutcome.ANSWERED: retrieval_pb2.ANSWER_OUTCOME_ANSWERED,
    answering.AnswerOutcome.NOT_IN_MATERIAL: retrieval_pb2.ANSWER_OUTCOME_NOT_IN_MATERIAL,
}


class RetrievalServicer(retrieval_pb2_grpc.RetrievalServiceServicer):
    """``tiku.retrieval.v1.RetrievalService``; whose chunks are meant follows from the request's user."""

    def __init__(self, indexer: ChunkIndexer, dense: Leg, retriever: HybridRetriever, answerer: Answerer) -> None:
        self._indexer = indexer
        self._dense = dense
        self._retriever = retriever
        self._answerer = answerer

    async def IndexChunks(
        self, request: retrieval_pb2.IndexChunksRequest, _: object
    ) -> retrieval_pb2.IndexChunksResponse:
        """Store chunks with their vectors."""
        chunks: list[EmbeddedChunk] = []
        for position, indexed in enumerate(request.chunks):
            chunks.append(EmbeddedChunk(_chunk(indexed.chunk), indexed.vector))
            if position % _YIELD_EVERY == _YIELD_EVERY - 1:
                await asyncio.sleep(0)
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
        if not request.query.strip():
            raise InvalidArgument(
                "query must hold more than white space.",
                violations=[FieldViolation("query", "must hold more than white space")],
            )
        hits = await self._dense.find(_query(request.query, request.filter, request.limit or _DEFAULT_HITS))
        return retrieval_pb2.SearchResponse(hits=_hits(hits))

    async def Retrieve(self, request: retrieval_pb2.RetrieveRequest, _: object) -> retrieval_pb2.RetrieveResponse:
        """Find passages to read."""
        found = await self._retriever.retrieve(_query(request.query, request.filter, request.limit or _DEFAULT_HITS))
        return retrieval_pb2.RetrieveResponse(hits=_hits(found.hits), legs=found.legs, failed_legs=found.failed_legs)

    async def Answer(
        self, request: retrieval_pb2.AnswerRequest, _: object
    ) -> AsyncIterator[retrieval_pb2.AnswerResponse]:
        """Write a cited answer."""
        query = _query(request.question, request.filter, request.limit or _DEFAULT_ANSWER_PASSAGES)
        async with contextlib.aclosing(self._answerer.answer(query, request.model)) as events:
            async for event in events:
                yield _event(event)


def _query(text: str, where: retrieval_pb2.Filter, limit: int) -> LegQuery:
    return LegQuery(text, context.current().user_id, tuple(where.document_ids), limit)


def _chunk(chunk: retrieval_pb2.Chunk) -> Chunk:
    return Chunk(
        chunk_id=chunk.chunk_id,
        document_id=chunk.document_id,
        document_name=chunk.document_name,
        ordinal=chunk.ordinal,
        text=chunk.text,
        page=chunk.page,
        start=chunk.start,
        end=chunk.end,
        heading_path=tuple(chunk.heading_path),
        page_starts=tuple(chunk.page_starts),
    )


def _hits(hits: Sequence[Hit]) -> list[retrieval_pb2.Hit]:
    return [
        retrieval_pb2.Hit(
            chunk=retrieval_pb2.Chunk(
                chunk_id=hit.chunk.chunk_id,
                document_id=hit.chunk.document_id,
                document_name=hit.chunk.document_name,
                ordinal=hit.chunk.ordinal,
                text=hit.chunk.text,
                page=hit.chunk.page,
                start=hit.chunk.start,
                end=hit.chunk.end,
                heading_path=hit.chunk.heading_path,
                page_starts=hit.chunk.page_starts,
            ),
            score=hit.score,
            legs=hit.legs,
        )
        for hit in hits
    ]


def _source(source: Source) -> source_pb2.Source:
    return source_pb2.Source(
        document_id=source.document_id,
        document_name=source.document_name,
        chunk_id=source.chunk_id,
        page=source.page,
        start=source.start,
        end=source.end,
        quote=source.quote,
    )


def _event(event: answering.AnswerEvent) -> retrieval_pb2.AnswerResponse:
    match event:
        case answering.AnswerSources(sources):
            return retrieval_pb2.AnswerResponse(
                sources=retrieval_pb2.AnswerSources(sources=[_source(source) for source in sources])
            )
        case citing.AnswerDelta(text):
            return retrieval_pb2.AnswerResponse(delta=retrieval_pb2.AnswerDelta(text=text))
        case citing.Citation(number, source, answer_start, answer_end):
            return retrieval_pb2.AnswerResponse(
                citation=retrieval_pb2.Citation(
                    number=number, source=_source(source), answer_start=answer_start, answer_end=answer_end
                )
            )
        case answering.AnswerDone(outcome, text, usage, model):
            return retrieval_pb2.AnswerResponse(
                done=retrieval_pb2.AnswerDone(
                    outcome=_OUTCOMES[outcome],
                    text=text,
                    usage=source_pb2.TokenUsage(
                        prompt_tokens=usage.prompt_tokens,
                        completion_tokens=usage.completion_tokens,
                        total_tokens=usage.total_tokens,
                    ),
                    model=model,
                )
            )


class GraphServicer(graph_pb2_grpc.GraphServiceServicer):
    """``tiku.retrieval.v1.GraphService`` without a graph engine."""

    async def Probe(self, request: graph_pb2.ProbeRequest, _: object) -> graph_pb2.ProbeResponse:
        """Not served yet."""
        _not_served("Probe")

    async def Extract(self, request: graph_pb2.ExtractRequest, _: object) -> graph_pb2.ExtractResponse:
        """Not served yet."""
        _not_served("Extract")

    async def Upsert(self, request: graph_pb2.UpsertRequest, _: object) -> graph_pb2.UpsertResponse:
        """Not served yet."""
        _not_served("Upsert")

    async def Query(self, request: graph_pb2.QueryRequest, _: object) -> graph_pb2.QueryResponse:
        """Not served yet."""
        _not_served("Query")

    async def Expand(self, request: graph_pb2.ExpandRequest, _: object) -> graph_pb2.ExpandResponse:
        """Not served yet."""
        _not_served("Expand")


def _not_served(method: str) -> NoReturn:
    raise Unimplemented(
        f"GraphService.{method} is not served by this version.", reason="NOT_IMPLEMENTED", metadata={"method": method}
    )
