"""The gRPC edge of retrieval: translate in, call the domain, translate out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeVar

from services.kit import context
from services.kit.concurrency import ahead
from services.kit.errors import FailedPrecondition, TikuError
from services.retrieval import messages
from services.retrieval.domain.answering.answerer import Answerer
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.graph.builder import GraphBuilder
from services.retrieval.domain.graph.explorer import GraphExplorer
from services.retrieval.domain.graph.extraction import ExtractionProbe, Extractor
from services.retrieval.domain.search.fusion import attributed
from services.retrieval.domain.search.hybrid import HybridRetriever, require_text
from services.retrieval.domain.search.neighbors import joined
from services.retrieval.ports import Leg
from tiku.retrieval.v1 import graph_pb2 as graph
from tiku.retrieval.v1 import retrieval_pb2 as pb
from tiku.retrieval.v1.graph_pb2_grpc import GraphServiceServicer
from tiku.retrieval.v1.retrieval_pb2_grpc import RetrievalServiceServicer

T = TypeVar("T")

_DEFAULT_HITS = 10
_DEFAULT_ANSWER_PASSAGES = 5
_DEFAULT_ROWS = 100
_DEFAULT_REACHED = 50
_DEFAULT_SURVEYED = 60
_GRAPH_OFF = "No graph is kept: TIKU_NEO4J_URL names no engine."


@dataclass(frozen=True, slots=True)
class RetrievalServicer(RetrievalServiceServicer):
    """`tiku.retrieval.v1.RetrievalService`; the request's user owns the chunks that a call stores and finds."""

    _indexer: ChunkIndexer
    _dense: Leg
    _retriever: HybridRetriever
    _answerer: Answerer
    _graph: GraphBuilder | None = None

    async def IndexChunks(self, request: pb.IndexChunksRequest, _: object) -> pb.IndexChunksResponse:
        """Store chunks with their vectors."""
        chunks = await messages.embedded_chunks(request.chunks)
        count = await self._indexer.index(request.embedding_model, context.current().user_id, chunks)
        return pb.IndexChunksResponse(indexed_count=count)

    async def DeleteDocument(self, request: pb.DeleteDocumentRequest, _: object) -> pb.DeleteDocumentResponse:
        """Remove a document's chunks, and what they added to the graph."""
        await self._indexer.delete_document(context.current().user_id, request.document_id)
        # Last: an engine that is away must not keep the document findable.
        if self._graph is not None:
            await self._graph.delete_document(context.current().user_id, request.document_id)
        return pb.DeleteDocumentResponse()

    async def Search(self, request: pb.SearchRequest, _: object) -> pb.SearchResponse:
        """Find the nearest chunks."""
        require_text("query", request.query)
        query = messages.leg_query(request.query, request.filter, request.limit or _DEFAULT_HITS)
        with ahead():
            hits = attributed(self._dense.name, await self._dense.find(query))
        return pb.SearchResponse(hits=messages.hits_message(hits))

    async def Retrieve(self, request: pb.RetrieveRequest, _: object) -> pb.RetrieveResponse:
        """Find passages to read."""
        query = messages.leg_query(request.query, request.filter, request.limit or _DEFAULT_HITS)
        found = await self._retriever.retrieve(query, request.diversity)
        hits = joined(found.hits) if request.join_neighbors else found.hits
        return pb.RetrieveResponse(hits=messages.hits_message(hits), legs=messages.report_messages(found.legs))

    async def Answer(self, request: pb.AnswerRequest, _: object) -> AsyncIterator[pb.AnswerResponse]:
        """Write a cited answer."""
        query = messages.leg_query(request.question, request.filter, request.limit or _DEFAULT_ANSWER_PASSAGES)
        async with contextlib.aclosing(self._answerer.answer(query, request.model)) as events:
            async for event in events:
                yield messages.answer_message(event)


@dataclass(frozen=True, slots=True)
class GraphServicer(GraphServiceServicer):
    """`tiku.retrieval.v1.GraphService`; the request's user owns the graph. Without an engine there is none."""

    _extractor: Extractor
    _probe: ExtractionProbe
    _builder: GraphBuilder | None
    _explorer: GraphExplorer | None

    async def Probe(self, request: graph.ProbeRequest, _: object) -> graph.ProbeResponse:
        """Say whether an engine answers, what it holds, and which models can extract."""
        response = await self._state()
        if request.try_models:
            response.models.extend(map(messages.model_probe_message, await self._probe.probe()))
        return response

    async def _state(self) -> graph.ProbeResponse:
        if self._explorer is None:
            return graph.ProbeResponse(reason=_GRAPH_OFF)
        try:
            return messages.state_message(await self._explorer.state(context.current().user_id))
        except TikuError as error:
            return graph.ProbeResponse(reason=error.message)

    async def Extract(self, request: graph.ExtractRequest, _: object) -> graph.ExtractResponse:
        """Ask models what a text speaks of."""
        require_text("text", request.text)
        return messages.extraction_message(await self._extractor.extract(request.text, request.model))

    async def AddChunks(self, request: graph.AddChunksRequest, _: object) -> graph.AddChunksResponse:
        """Add what is found in chunks."""
        builder = _on(self._builder)
        chunks = await messages.graph_chunks(request.chunks)
        count = await builder.add_chunks(context.current().user_id, chunks)
        return graph.AddChunksResponse(chunk_count=len(chunks), mention_count=count)

    async def Upsert(self, request: graph.UpsertRequest, _: object) -> graph.UpsertResponse:
        """Store mentions and what ties them."""
        builder = _on(self._builder)
        owner = context.current().user_id
        added = await messages.contribution(request)
        await builder.upsert(owner, added)
        return messages.upserted(owner, added)

    async def Query(self, request: graph.QueryRequest, _: object) -> graph.QueryResponse:
        """Run Cypher that reads."""
        explorer = _on(self._explorer)
        parameters = messages.parameters(request.parameters)
        limit = request.limit or _DEFAULT_ROWS
        found = await explorer.query(context.current().user_id, request.cypher, parameters, limit)
        return messages.table_message(found)

    async def Expand(self, request: graph.ExpandRequest, _: object) -> graph.ExpandResponse:
        """Walk from entities to their neighbors."""
        found = await _on(self._explorer).expand(
            context.current().user_id,
            request.entity_ids,
            request.document_ids,
            request.depth or 1,
            request.limit or _DEFAULT_REACHED,
        )
        return messages.neighborhood_message(found)

    async def Survey(self, request: graph.SurveyRequest, _: object) -> graph.SurveyResponse:
        """Show what documents or chunks speak of most, and how it is connected."""
        explorer = _on(self._explorer)
        owner = context.current().user_id
        limit = request.limit or _DEFAULT_SURVEYED
        found = await explorer.survey(owner, request.document_ids, request.chunk_ids, limit)
        present = bool(found.entities) or await explorer.holds(owner, request.document_ids)
        return messages.survey_message(found, present)

    async def FindEntities(self, request: graph.FindEntitiesRequest, _: object) -> graph.FindEntitiesResponse:
        """Find entities by name."""
        found = await _on(self._explorer).find(
            context.current().user_id, request.name, request.document_ids, request.limit or _DEFAULT_HITS
        )
        return graph.FindEntitiesResponse(entities=map(messages.entity_message, found))

    async def Explain(self, request: graph.ExplainRequest, _: object) -> graph.ExplainResponse:
        """Say why names are one."""
        owner = context.current().user_id
        entity, links = await _on(self._explorer).explain(owner, request.entity_id)
        return graph.ExplainResponse(
            entity=messages.entity_message(entity), links=[messages.link_message(owner, link) for link in links]
        )

    async def Decide(self, request: graph.DecideRequest, _: object) -> graph.DecideResponse:
        """Record that two entities are one, or are not."""
        made = await _on(self._explorer).decide(
            context.current().user_id, request.first_entity_id, request.second_entity_id, request.same
        )
        return graph.DecideResponse(decision_id=made)

    async def Undo(self, request: graph.UndoRequest, _: object) -> graph.UndoResponse:
        """Remove a decision."""
        await _on(self._explorer).undo(context.current().user_id, request.decision_id)
        return graph.UndoResponse()


def _on(part: T | None) -> T:
    """Return a part of the graph.

    Raises:
        FailedPrecondition: no graph is kept (reason GRAPH_OFF).
    """
    if part is None:
        raise FailedPrecondition(_GRAPH_OFF, reason="GRAPH_OFF")
    return part
