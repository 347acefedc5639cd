"""What retrieval's Embedder promises: the fake, and the llm service as embedder."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from services.kit.errors import DeadlineExceeded, FailedPrecondition, Internal, TikuError, Unavailable
from services.retrieval.adapters.clients.fake import FakeEmbedder
from services.retrieval.adapters.clients.llm import LlmEmbedder
from services.retrieval.ports import Embedder
from tests.fakes.llm_in_process import llm_service, service_with, time_left
from tests.fakes.openai_server import Script, ScriptedProvider
from tests.waiting import at_once
from tiku.llm.v1 import llm_pb2

TEXTS = ["water boils", "水在一百度沸腾", "snow is white 🙂"]


@pytest.fixture
async def over_grpc(provider: ScriptedProvider) -> AsyncIterator[LlmEmbedder]:
    async with llm_service(provider) as channel:
        yield LlmEmbedder(channel)


@pytest.fixture(params=["fake", "llm"])
def embedder(request: pytest.FixtureRequest, over_grpc: LlmEmbedder) -> Embedder:
    return FakeEmbedder() if request.param == "fake" else over_grpc


@pytest.fixture(params=["fake", "llm"])
def failing(request: pytest.FixtureRequest, provider: ScriptedProvider, over_grpc: LlmEmbedder) -> Embedder:
    if request.param == "fake":
        return FakeEmbedder(Unavailable("The model provider is unavailable.", reason="PROVIDER_UNAVAILABLE"))
    provider.answer(Script(status=503), Script(status=503))
    return over_grpc


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_every_text_has_its_vector_in_order(embedder: Embedder) -> None:
    model = (await embedder.embed_query("q")).model
    vectors = await embedder.embed_passages(TEXTS, model)
    assert len(vectors) == len(TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        (alone,) = await embedder.embed_passages([text], model)
        assert vector == pytest.approx(alone)


async def test_many_texts_are_embedded_at_once(embedder: Embedder) -> None:
    texts = [f"text number {i}" for i in range(300)]
    vectors = await embedder.embed_passages(texts, "")
    assert len(vectors) == 300
    (last,) = await embedder.embed_passages(texts[-1:], "")
    assert vectors[-1] == pytest.approx(last)


async def test_vectors_have_unit_length_and_one_dimension(embedder: Embedder) -> None:
    query = await embedder.embed_query("At what temperature does water boil?")
    vectors = [query.vector, *await embedder.embed_passages(TEXTS, query.model)]
    assert len({len(vector) for vector in vectors}) == 1
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * 4, abs=1e-5)
    assert query.model


async def test_a_question_lies_nearest_to_what_it_shares_its_words_with(embedder: Embedder) -> None:
    query = await embedder.embed_query("snow is white")
    cosines = [cosine(query.vector, vector) for vector in await embedder.embed_passages(TEXTS, query.model)]
    assert max(cosines) == cosines[2]


async def test_a_failure_is_raised_with_its_reason(failing: Embedder) -> None:
    for call in (failing.embed_query("q"), failing.embed_passages(TEXTS, "")):
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.reason == "PROVIDER_UNAVAILABLE"


async def test_without_a_model_the_services_reason_comes_through() -> None:
    async with llm_service(None) as channel:
        with pytest.raises(FailedPrecondition) as caught:
            await LlmEmbedder(channel).embed_query("q")
    assert caught.value.reason == "NO_EMBEDDER"


async def test_the_requests_deadline_ends_the_call(provider: ScriptedProvider, over_grpc: LlmEmbedder) -> None:
    provider.answer(Script(latency=30))
    with time_left(0.3), pytest.raises(DeadlineExceeded):
        await over_grpc.embed_query("q")
    await provider.departure()


async def test_a_request_whose_time_is_spent_sends_nothing(provider: ScriptedProvider, over_grpc: LlmEmbedder) -> None:
    with time_left(-1), pytest.raises(DeadlineExceeded):
        await over_grpc.embed_passages(TEXTS, "")
    assert provider.requests == []


async def test_cancelling_reaches_the_provider_within_100_ms(
    provider: ScriptedProvider, over_grpc: LlmEmbedder
) -> None:
    provider.answer(Script(latency=30))
    call = asyncio.ensure_future(over_grpc.embed_query("q"))
    await provider.received(1)
    async with at_once():
        call.cancel()
        await asyncio.wait((call,))
        await provider.departure()
    assert call.cancelled()


async def test_another_number_of_vectors_than_texts_is_an_error() -> None:
    async def embed(*_: Any) -> llm_pb2.EmbedResponse:
        return llm_pb2.EmbedResponse(embeddings=[llm_pb2.Embedding(values=[1.0])])

    async with service_with(Embed=embed) as channel:
        with pytest.raises(TikuError) as caught:
            await LlmEmbedder(channel).embed_passages(TEXTS, "")
    assert isinstance(caught.value, Internal)
