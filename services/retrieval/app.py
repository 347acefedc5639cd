"""Composition root of the retrieval service."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from services.kit.channels import open_channel
from services.kit.disk_room import DiskRoom
from services.kit.failpoints import Failpoints, Points
from services.kit.server import App, Registration
from services.kit.workers import WorkerPool
from services.language import values
from services.language.lexicon import lexicon
from services.language.search_terms import search_terms
from services.retrieval.adapters.calibrations import toml
from services.retrieval.adapters.clients.llm import (
    RETRIED,
    LlmChatModel,
    LlmEmbedder,
    LlmJudge,
    LlmModelDirectory,
    LlmReranker,
)
from services.retrieval.adapters.stores.qdrant_completion import CompletingVectorStore
from services.retrieval.adapters.workers import pooled
from services.retrieval.domain.answering import draft
from services.retrieval.domain.answering.answerability import AnswerabilityCheck
from services.retrieval.domain.answering.answerer import Answerer
from services.retrieval.domain.answering.extractive import ExtractiveAnswerer
from services.retrieval.domain.answering.groundedness import GroundednessCheck
from services.retrieval.domain.answering.reading import Reading
from services.retrieval.domain.answering.relevance_gate import RelevanceGate
from services.retrieval.domain.answering.warm_up import WarmUp
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.embedding.once import OncePerRequest
from services.retrieval.domain.graph.builder import GraphBuilder
from services.retrieval.domain.graph.explorer import GraphExplorer
from services.retrieval.domain.graph.extraction import ExtractionProbe, Extractor
from services.retrieval.domain.graph.leg import GraphRetriever
from services.retrieval.domain.search.bounded import BoundedLeg
from services.retrieval.domain.search.dense import DenseRetriever
from services.retrieval.domain.search.hybrid import HybridRetriever
from services.retrieval.domain.search.outside import OutsideRetriever
from services.retrieval.domain.search.translated import TranslatedRetriever
from services.retrieval.domain.search.words import WordsRetriever
from services.retrieval.ports import GraphStore, KnowledgeBase, Leg, VectorStore
from services.retrieval.servicer import GraphServicer, RetrievalServicer
from services.retrieval.settings import RetrievalSettings
from services.retrieval.values.answer import Citation
from tiku.retrieval.v1 import graph_pb2_grpc, retrieval_pb2_grpc

_GRAPH_QUESTIONS = 4
"""Questions that the graph is asked at a time: a graph engine of two cores answers no more of them with more."""
_GRAPH_PATIENCE_SECONDS = 0.5
"""How long a question waits for its turn at the graph, which adds to what vectors and words find."""


async def build(settings: RetrievalSettings, stack: AsyncExitStack) -> App:
    """Build the service; `stack` closes what it opens. The service is ready while the vector store answers."""
    key = settings.qdrant_api_key
    store = await stack.enter_async_context(
        CompletingVectorStore.open(
            settings.qdrant_url,
            key.get_secret_value() if key is not None else None,
            timeout=settings.qdrant_timeout_seconds,
        )
    )
    llm = await stack.enter_async_context(open_channel(settings.llm_target, retry=RETRIED))
    failpoints = Failpoints(settings.failpoints)
    embedder = OncePerRequest(
        failpoints.around(LlmEmbedder(llm), {"embed_query": Points("retrieval.answer.question_embedded")})
    )
    calibrations = await asyncio.to_thread(toml.load)
    # Reads the dictionaries that the first Chinese text needs.
    await asyncio.to_thread(search_terms, "詞")
    await asyncio.to_thread(values.prepare)
    await asyncio.to_thread(draft.prepare)
    centering = Centering(calibrations)
    searched: VectorStore = failpoints.around(store, {"search": Points("retrieval.answer.passages_found")})
    dense = DenseRetriever(embedder, searched, centering)
    graph = await _open_graph(settings, stack)
    legs: list[Leg] = [dense, WordsRetriever(store)]
    if graph is not None and settings.retrieval_graph_leg_enabled:
        legs.append(BoundedLeg(GraphRetriever(graph, store), _GRAPH_QUESTIONS, _GRAPH_PATIENCE_SECONDS))
    retriever = HybridRetriever(
        legs,
        store,
        LlmReranker(llm) if settings.retrieval_rerank_enabled or settings.rerank_base_url else None,
        leg_timeout=settings.retrieval_leg_timeout_seconds,
        rerank_timeout=settings.retrieval_rerank_timeout_seconds,
        rerank_candidates=settings.retrieval_rerank_candidates,
        outside=[OutsideRetriever(base, embedder, centering) for base in await _open_knowledge_bases(settings, stack)],
        across=TranslatedRetriever(store, lexicon) if settings.retrieval_translation_enabled else None,
    )
    answers = LlmChatModel(llm, settings.retrieval_answer_timeout_seconds)
    answerer = Answerer(
        retriever,
        RelevanceGate(calibrations, settings.retrieval_relevance_threshold, lexicon),
        failpoints.around(
            answers,
            {"stream": Points("retrieval.answer.model_done", first="retrieval.answer.first_text")},
        ),
        ExtractiveAnswerer(embedder),
        GroundednessCheck(embedder, centering, calibrations),
        Reading(LlmModelDirectory(llm)),
        answerability=AnswerabilityCheck(
            LlmJudge(llm), await asyncio.to_thread(toml.load_judges), settings.retrieval_rerank_timeout_seconds
        )
        if settings.retrieval_answer_judged
        else None,
        context_tokens=settings.retrieval_answer_context_tokens,
        answer_tokens=settings.retrieval_answer_max_tokens,
    )
    # Their processes start with the first text. A passage's words do not wait for the names of others.
    readers = await stack.enter_async_context(WorkerPool(1, pooled.warm_words))
    words = pooled.PooledWordReader(readers)
    pool = await stack.enter_async_context(WorkerPool(1, pooled.warm))
    finder = pooled.PooledMentionFinder(pool, settings.retrieval_graph_timeout_seconds)
    builder = GraphBuilder(graph, finder) if graph is not None else None
    extractor = Extractor(
        LlmChatModel(llm, settings.retrieval_extraction_timeout_seconds),
        LlmModelDirectory(llm),
        finder,
        timeout_seconds=settings.retrieval_extraction_timeout_seconds,
        grace_seconds=settings.retrieval_extraction_grace_seconds,
        max_tokens=settings.retrieval_extraction_max_tokens,
    )
    return App(
        name="retrieval",
        registrations=[
            Registration(
                retrieval_pb2_grpc.add_RetrievalServiceServicer_to_server,
                RetrievalServicer(
                    ChunkIndexer(store, centering, words),
                    dense,
                    retriever,
                    failpoints.around(
                        answerer,
                        {
                            "answer": Points(
                                first="retrieval.answer.cited", when=lambda event: isinstance(event, Citation)
                            )
                        },
                    ),
                    builder,
                ),
                "tiku.retrieval.v1.RetrievalService",
            ),
            Registration(
                graph_pb2_grpc.add_GraphServiceServicer_to_server,
                GraphServicer(
                    extractor,
                    ExtractionProbe(extractor),
                    builder,
                    GraphExplorer(graph) if graph is not None else None,
                ),
                "tiku.retrieval.v1.GraphService",
            ),
        ],
        ready=store.ping,
        background=[store.keep_complete, *([WarmUp(answers).run] if settings.retrieval_answer_warm_up else [])],
    )


async def _open_graph(settings: RetrievalSettings, stack: AsyncExitStack) -> GraphStore | None:
    """Open the graph's store; None where no engine is named. The service is ready without an engine that answers."""
    if not settings.neo4j_url:
        return None
    # Here, not at the top: the driver takes 31 MB, which nobody pays where no graph is wanted.
    from services.retrieval.adapters.graphs.neo4j import Neo4jGraphStore

    path = settings.neo4j_disk_path
    return await stack.enter_async_context(
        Neo4jGraphStore.open(
            settings.neo4j_url,
            settings.neo4j_user,
            settings.neo4j_password.get_secret_value(),
            database=settings.neo4j_database,
            timeout=settings.neo4j_timeout_seconds,
            room=DiskRoom(path, settings.neo4j_disk_reserve_bytes) if path is not None else None,
        )
    )


async def _open_knowledge_bases(settings: RetrievalSettings, stack: AsyncExitStack) -> list[KnowledgeBase]:
    """Open what is configured; the service is ready without one that answers."""
    if not settings.bailian_indexes:
        return []
    # Here, not at the top: an HTTP client is slow to load, and nothing else here needs one.
    from services.retrieval.adapters.knowledge_bases.bailian import BailianClient, BailianKey, BailianKnowledgeBase

    key = BailianKey(
        settings.bailian_workspace_id,
        settings.bailian_access_key_id,
        settings.bailian_access_key_secret.get_secret_value(),
    )
    client = await stack.enter_async_context(
        BailianClient.open(settings.bailian_endpoint, key, timeout=settings.bailian_timeout_seconds)
    )
    return [
        BailianKnowledgeBase(
            client,
            name,
            index_id,
            top_k=settings.bailian_top_k,
            rerank=settings.bailian_rerank_enabled,
            min_score=settings.bailian_rerank_min_score,
        )
        for name, index_id in settings.bailian_indexes.items()
    ]
