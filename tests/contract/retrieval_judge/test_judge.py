"""What retrieval's Judge promises: the fake, and the llm service whose chat model reranks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.kit.errors import FailedPrecondition, Internal, Unavailable
from services.retrieval.adapters.clients.fake import FakeJudge
from services.retrieval.adapters.clients.llm import LlmJudge
from services.retrieval.ports import Judge
from tests.fakes.llm_in_process import llm_service, service_with
from tests.fakes.openai_server import Script, ScriptedProvider
from tests.waiting import at_once
from tiku.llm.v1 import llm_pb2


@pytest.fixture
async def over_grpc(provider: ScriptedProvider) -> AsyncIterator[LlmJudge]:
    async with llm_service(provider, judging=True) as channel:
        yield LlmJudge(channel)


@pytest.fixture(params=["fake", "llm"])
def judge(request: pytest.FixtureRequest, over_grpc: LlmJudge) -> Judge:
    return FakeJudge() if request.param == "fake" else over_grpc


async def test_a_verdict_is_a_share_of_yes_with_its_model_and_cost(judge: Judge) -> None:
    holds = await judge.judge("green light plants", "green plants eat light")
    half = await judge.judge("green light plants moss", "green plants")
    lacks = await judge.judge("green light plants", "nothing of it")
    assert 0 <= lacks.yes < 0.1 < half.yes < 0.9 < holds.yes <= 1
    assert holds.model == "scripted"
    assert holds.usage.total_tokens > 0


async def test_a_failure_is_raised_with_its_reason(provider: ScriptedProvider, over_grpc: LlmJudge) -> None:
    with pytest.raises(Unavailable):
        await FakeJudge(error=Unavailable("Gone.")).judge("q", "text")
    provider.answer(Script(status=503))
    with pytest.raises(Unavailable) as caught:
        await over_grpc.judge("q", "text")
    assert caught.value.reason == "PROVIDER_UNAVAILABLE"


async def test_without_a_model_the_services_reason_comes_through() -> None:
    async with llm_service(None, judging=True) as channel:
        with pytest.raises(FailedPrecondition) as caught:
            await LlmJudge(channel).judge("q", "text")
    assert caught.value.reason == "NO_RERANK_PROVIDER"


async def test_a_service_that_scores_nothing_is_at_fault() -> None:
    async def rerank(*_: Any) -> llm_pb2.RerankResponse:
        return llm_pb2.RerankResponse(model="m")

    async with service_with(Rerank=rerank) as channel:
        with pytest.raises(Internal):
            await LlmJudge(channel).judge("q", "text")


async def test_canceling_reaches_the_provider_within_100_ms(provider: ScriptedProvider, over_grpc: LlmJudge) -> None:
    provider.answer(Script(latency=30))
    call = asyncio.ensure_future(over_grpc.judge("q", "text"))
    await provider.received(1)
    async with at_once():
        call.cancel()
        await asyncio.wait((call,))
        await provider.departure()
    assert call.cancelled()
