"""Reranking from the port of the retrieval service, through the llm service, to a provider of `/rerank`."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from services.kit.channels import open_channel
from services.kit.server import running
from services.llm import app as llm_app
from services.llm.settings import LlmSettings
from services.retrieval import app as retrieval_app
from services.retrieval.settings import RetrievalSettings
from tests.fakes.openai_server import Script, ScriptedProvider
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc
from tiku.retrieval.v1 import retrieval_pb2 as pb
from tiku.retrieval.v1.retrieval_pb2_grpc import RetrievalServiceStub

TEXTS = ["light of the sun", "green plants eat light", "plants and water", "the light of lamps"]
QUESTION = "green plants light"


@dataclass
class Path:
    """A retrieval service, the llm service that it asks, and the provider that this one asks."""

    retrieval: RetrievalServiceStub
    provider: ScriptedProvider
    metadata: tuple[tuple[str, str], ...]

    async def retrieve(self, limit: int = 10) -> pb.RetrieveResponse:
        request = pb.RetrieveRequest(query=QUESTION, limit=limit)
        response: pb.RetrieveResponse = await self.retrieval.Retrieve(request, metadata=self.metadata, timeout=30)
        return response


@pytest.fixture(params=["http", "yes_no"])
async def path(request: pytest.FixtureRequest, qdrant_url: str) -> AsyncIterator[Path]:
    async with contextlib.AsyncExitStack() as stack:
        provider = await stack.enter_async_context(ScriptedProvider())
        values: dict[str, Any] = {"llm_providers_file": None, "embed_model_path": None, "llm_attempts": 1}
        for kind in ("llm", "embed", "rerank"):
            values |= {f"{kind}_base_url": provider.base_url, f"{kind}_model": kind}
        if request.param == "yes_no":  # The default chat model judges where no server of its own does.
            values |= {"rerank_base_url": "", "rerank_model": ""}
        llm_settings = LlmSettings(**values, rerank_adapter=request.param, drain_seconds=0.2)
        built = await llm_app.build(llm_settings, stack)
        llm = await stack.enter_async_context(running(built, "127.0.0.1:0", llm_settings))
        settings = RetrievalSettings(
            qdrant_url=qdrant_url,
            llm_target=llm.address,
            retrieval_rerank_enabled=True,
            retrieval_rerank_timeout_seconds=0.5,
            drain_seconds=0.2,
        )
        service = await retrieval_app.build(settings, stack)
        server = await stack.enter_async_context(running(service, "127.0.0.1:0", settings))
        stub = RetrievalServiceStub(await stack.enter_async_context(open_channel(server.address)))
        metadata = (("x-tiku-user", f"user-{uuid.uuid4()}"),)
        embedder = llm_pb2_grpc.LlmServiceStub(await stack.enter_async_context(open_channel(llm.address)))
        await _index(stub, embedder, metadata)
        provider.requests.clear()
        yield Path(stub, provider, metadata)


async def _index(stub: Any, embedder: Any, metadata: tuple[tuple[str, str], ...]) -> None:
    embedding = llm_pb2.EmbedRequest(texts=TEXTS, kind=llm_pb2.EMBED_KIND_PASSAGE)
    embedded = await embedder.Embed(embedding)
    document, start = str(uuid.uuid4()), 0
    request = pb.IndexChunksRequest(embedding_model=embedded.model)
    for ordinal, (text, vector) in enumerate(zip(TEXTS, embedded.embeddings, strict=True)):
        chunk = pb.Chunk(
            chunk_id=str(uuid.uuid4()),
            document_id=document,
            document_name="plants",
            ordinal=ordinal,
            text=text,
            start=start,
            end=start + len(text),
            gap="\n",
        )
        request.chunks.add(chunk=chunk, vector=vector.values)
        start += len(text) + 1
    await stub.IndexChunks(request, metadata=metadata)


def _rerank_of(response: pb.RetrieveResponse) -> pb.LegReport:
    (report,) = [leg for leg in response.legs if leg.leg == "rerank"]
    return report


async def test_the_providers_order_and_scores_are_what_comes_back(path: Path) -> None:
    response = await path.retrieve()
    assert response.hits[0].chunk.text == "green plants eat light"
    assert {hit.chunk.text for hit in response.hits[1:]} == set(TEXTS) - {"green plants eat light"}
    scores = [hit.score for hit in response.hits]
    assert scores == sorted(scores, reverse=True)
    assert response.hits[0].score == pytest.approx(1.0, abs=0.011)
    assert response.hits[-1].score == pytest.approx(1 / 3, abs=0.011)
    assert (_rerank_of(response).hit_count, _rerank_of(response).reason) == (4, "")
    assert response.hits[0].legs, "how the legs found it is still said"


async def test_a_reranker_that_fails_leaves_the_fused_order_and_is_named(path: Path) -> None:
    path.provider.answer(Script(), *[Script(status=401)] * len(TEXTS))  # The first one is the embedding.
    response = await path.retrieve()
    assert _rerank_of(response).reason == "PROVIDER_UNAUTHENTICATED"
    assert sorted(hit.chunk.text for hit in response.hits) == sorted(TEXTS)
    scores = [hit.score for hit in response.hits]
    assert scores == sorted(scores, reverse=True)
    assert max(scores) < 1, "a cosine, not what the reranker gives"


async def test_a_reranker_that_is_late_is_left_and_named(path: Path) -> None:
    path.provider.answer(Script(), *[Script(latency=30)] * len(TEXTS))
    response = await path.retrieve()
    assert len(response.hits) == len(TEXTS)
    assert _rerank_of(response).reason in {"LEG_TIMEOUT", "DEADLINE_EXCEEDED", "PROVIDER_TIMEOUT"}
    await path.provider.departure()


async def test_neighbors_come_as_one_passage_where_it_is_asked_for(path: Path) -> None:
    request = pb.RetrieveRequest(query=QUESTION, join_neighbors=True)
    (hit,) = (await path.retrieval.Retrieve(request, metadata=path.metadata)).hits
    assert hit.chunk.text == "\n".join(TEXTS)
    assert (hit.chunk.start, hit.chunk.end, hit.chunk.ordinal) == (0, len(hit.chunk.text), 0)
    chunks = [one.chunk.chunk_id for one in (await path.retrieve()).hits]
    assert sorted(hit.chunk_ids) == sorted(chunks)
    assert hit.chunk.chunk_id == hit.chunk_ids[0]
    assert {leg.leg for leg in hit.legs} == {"vector", "words", "fused"}
