"""What retrieval's Reranker promises: the fake, and the llm service as reranker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.kit.errors import DeadlineExceeded, FailedPrecondition, Unavailable
from services.retrieval.adapters.clients.fake import FakeReranker
from services.retrieval.adapters.clients.llm import LlmReranker
from services.retrieval.ports import Reranker
from tests.fakes.llm_in_process import llm_service, service_with, time_left
from tests.fakes.openai_server import Script, ScriptedProvider
from tests.waiting import at_once
from tiku.llm.v1 import llm_pb2

TEXTS = ["nothing of it", "green plants eat light", "plants", "light plants grow"]


@pytest.fixture
async def over_grpc(provider: ScriptedProvider) -> AsyncIterator[LlmReranker]:
    async with llm_service(provider) as channel:
        yield LlmReranker(channel)


@pytest.fixture(params=["fake", "llm"])
def reranker(request: pytest.FixtureRequest, over_grpc: LlmReranker) -> Reranker:
    return FakeReranker() if request.param == "fake" else over_grpc


async def test_the_best_comes_first_by_its_position(reranker: Reranker) -> None:
    ranked = await reranker.rerank("green light plants", TEXTS)
    assert [position for position, _ in ranked] == [1, 3, 2, 0]
    scores = [score for _, score in ranked]
    assert scores == sorted(scores, reverse=True)


async def test_every_text_is_scored_once(reranker: Reranker) -> None:
    texts = [f"passage {i % 7} of many" for i in range(200)]
    ranked = await reranker.rerank("passage 3", texts)
    assert sorted(position for position, _ in ranked) == list(range(200))


async def test_a_failure_is_raised_with_its_reason(provider: ScriptedProvider, over_grpc: LlmReranker) -> None:
    provider.answer(Script(status=503))
    with pytest.raises(Unavailable) as caught:
        await over_grpc.rerank("q", TEXTS)
    assert caught.value.reason == "PROVIDER_UNAVAILABLE"


async def test_without_a_model_the_services_reason_comes_through() -> None:
    async with llm_service(None) as channel:
        with pytest.raises(FailedPrecondition) as caught:
            await LlmReranker(channel).rerank("q", TEXTS)
    assert caught.value.reason == "NO_RERANK_PROVIDER"


async def test_the_requests_deadline_ends_the_call(provider: ScriptedProvider, over_grpc: LlmReranker) -> None:
    provider.answer(Script(latency=30))
    with time_left(0.3), pytest.raises(DeadlineExceeded):
        await over_grpc.rerank("q", TEXTS)
    await provider.departure()


async def test_cancelling_reaches_the_provider_within_100_ms(
    provider: ScriptedProvider, over_grpc: LlmReranker
) -> None:
    provider.answer(Script(latency=30))
    call = asyncio.ensure_future(over_grpc.rerank("q", TEXTS))
    await provider.received(1)
    async with at_once():
        call.cancel()
        await asyncio.wait((call,))
        await provider.departure()
    assert call.cancelled()


async def test_a_position_outside_the_texts_is_left_out() -> None:
    async def rerank(*_: Any) -> llm_pb2.RerankResponse:
        return llm_pb2.RerankResponse(results=[llm_pb2.RankedDocument(index=i, score=1.0) for i in (4, 0, -1)])

    async with service_with(Rerank=rerank) as channel:
        assert await LlmReranker(channel).rerank("q", TEXTS) == [(0, 1.0)]
