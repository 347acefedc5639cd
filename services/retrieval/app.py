"""Composition root of the retrieval service."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from services.kit.channels import open_channel
from services.kit.server import App, Registration
from services.retrieval import calibrations
from services.retrieval.answering import Answerer
from services.retrieval.calibration import Calibrations
from services.retrieval.centring import Centring
from services.retrieval.clients.llm import RETRIED, LlmChatModel, LlmEmbedder, LlmReranker
from services.retrieval.corroborating import Corroborator
from services.retrieval.extracting import Extractor
from services.retrieval.graph_servicer import GraphServicer
from services.retrieval.indexing import Indexer
from services.retrieval.relevance import RelevanceGate
from services.retrieval.retrieving import Retriever
from services.retrieval.searching import VectorLeg
from services.retrieval.servicer import RetrievalServicer
from services.retrieval.settings import RetrievalSettings
from services.retrieval.stores.qdrant import open_qdrant
from tiku.llm.v1 import llm_pb2_grpc
from tiku.retrieval.v1 import graph_pb2_grpc, retrieval_pb2_grpc


async def build(settings: RetrievalSettings, stack: AsyncExitStack) -> App:
    """Wire the service; what it opens, ``stack`` closes. Ready while the vector store answers."""
    key = settings.qdrant_api_key
    store = await stack.enter_async_context(
        open_qdrant(
            settings.qdrant_url,
            key.get_secret_value() if key is not None else None,
            timeout=settings.qdrant_timeout_seconds,
        )
    )
    channel = await stack.enter_async_context(open_channel(settings.llm_target, retry=RETRIED))
    llm = llm_pb2_grpc.LlmServiceStub(channel)
    embedder = LlmEmbedder(llm)
    known = Calibrations(await asyncio.to_thread(calibrations.load))
    centring = Centring(known)
    vector_leg = VectorLeg(embedder, store, centring)
    retriever = Retriever(
        [vector_leg],
        store,
        LlmReranker(llm) if settings.rerank_enabled or settings.rerank_base_url else None,
        leg_timeout=settings.leg_timeout_seconds,
        rerank_timeout=settings.rerank_timeout_seconds,
    )
    answerer = Answerer(
        retriever,
        RelevanceGate(known, settings.relevance_threshold),
        LlmChatModel(llm, settings.answer_timeout_seconds),
        Extractor(embedder),
        Corroborator(embedder, centring, known),
        context_tokens=settings.answer_context_tokens,
        answer_tokens=settings.answer_max_tokens,
    )
    return App(
        name="retrieval",
        registrations=[
            Registration(
                retrieval_pb2_grpc.add_RetrievalServiceServicer_to_server,
                RetrievalServicer(Indexer(store, centring), vector_leg, retriever, answerer),
                "tiku.retrieval.v1.RetrievalService",
            ),
            Registration(
                graph_pb2_grpc.add_GraphServiceServicer_to_server, GraphServicer(), "tiku.retrieval.v1.GraphService"
            ),
        ],
        ready=store.ping,
    )
