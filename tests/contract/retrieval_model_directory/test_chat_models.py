"""What retrieval's ModelDirectory promises: the fake, and the llm service's list."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from services.kit.errors import Unavailable
from services.retrieval.adapters.clients.fake import FakeModelDirectory
from services.retrieval.adapters.clients.llm import LlmChatModel, LlmModelDirectory
from services.retrieval.ports import ModelDirectory
from services.retrieval.values.chat import ChatMessage, ChatRequest, ServedModel
from tests.fakes.llm_in_process import llm_service, service_with
from tests.fakes.openai_server import Script, ScriptedProvider


@pytest.fixture(params=["fake", "llm"])
async def directory(request: pytest.FixtureRequest) -> AsyncIterator[ModelDirectory]:
    if request.param == "fake":
        yield FakeModelDirectory([ServedModel("scripted", "default")])
        return
    async with ScriptedProvider() as provider, llm_service(provider) as channel:
        yield LlmModelDirectory(channel)


async def test_models_for_chat_are_named_with_their_provider(directory: ModelDirectory) -> None:
    (model,) = await directory.chat_models()
    assert model.name == "scripted"
    assert model.provider


async def test_without_a_provider_there_is_none() -> None:
    assert await FakeModelDirectory().chat_models() == []
    async with llm_service(None) as channel:
        assert await LlmModelDirectory(channel).chat_models() == []


async def test_a_failure_is_raised() -> None:
    with pytest.raises(Unavailable):
        await FakeModelDirectory(error=Unavailable("Gone.")).chat_models()

    async def fail(_: object, __: object) -> None:
        raise Unavailable("Gone.")

    async with service_with(ListModels=fail) as channel:
        with pytest.raises(Unavailable):
            await LlmModelDirectory(channel).chat_models()


async def test_a_model_reads_as_fast_as_its_server_said() -> None:
    async with ScriptedProvider() as provider, llm_service(provider) as channel:
        directory, chat = LlmModelDirectory(channel), LlmChatModel(channel, 30)
        assert [model.input_tokens_per_second for model in await directory.chat_models()] == [None]
        provider.answer(Script(timings={"prompt_n": 100, "prompt_ms": 2500.0}))
        async with contextlib.aclosing(chat.stream(ChatRequest((ChatMessage("user", "?"),), "", 9))) as stream:
            _ = [item async for item in stream]
        assert [model.input_tokens_per_second for model in await directory.chat_models()] == [40.0]
