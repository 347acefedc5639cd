"""The llm service behind real gRPC, with a scripted provider on the other side."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct

from services.kit.channels import open_channel
from services.kit.errors import TikuError
from services.kit.rpc_errors import from_rpc_error
from services.kit.server import running
from services.kit.start import StartError
from services.llm.app import build
from services.llm.settings import LlmSettings
from tests.fakes.openai_server import Script, ScriptedProvider
from tests.waiting import at_once
from tiku.common.v1.source_pb2 import TokenUsage
from tiku.llm.v1 import llm_pb2 as pb
from tiku.llm.v1.llm_pb2_grpc import LlmServiceStub

ASK = [pb.ChatMessage(role=pb.ROLE_USER, content="What is it?")]
TOKENS = ("Photo", "synthesis", " 光合", "作用", " ends", ".")

Start = Callable[..., AbstractAsyncContextManager[LlmServiceStub]]


@asynccontextmanager
async def _service(**settings: Any) -> AsyncIterator[LlmServiceStub]:
    """A stub of a service with nothing configured but `settings`."""
    values: dict[str, Any] = {"llm_base_url": "", "embed_base_url": "", "embed_model_path": None, "rerank_base_url": ""}
    configuration = LlmSettings(**{**values, "drain_seconds": 0.5, **settings})
    async with AsyncExitStack() as stack:
        app = await build(configuration, stack)
        server = await stack.enter_async_context(running(app, "127.0.0.1:0", configuration))
        yield LlmServiceStub(await stack.enter_async_context(open_channel(server.address)))


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with ScriptedProvider() as server:
        yield server


@pytest.fixture(params=["http", "sdk"])
async def stub(request: pytest.FixtureRequest, provider: ScriptedProvider) -> AsyncIterator[LlmServiceStub]:
    async with _service(
        llm_base_url=provider.base_url,
        llm_model="scripted",
        llm_adapter=request.param,
        embed_base_url=provider.base_url,
        embed_model="embedder",
        rerank_base_url=provider.base_url,
        rerank_model="ranker",
    ) as stub:
        yield stub


async def _refused(call: Any) -> TikuError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        if hasattr(call, "read"):
            async for _ in call:
                pass
        else:
            await call
    return from_rpc_error(caught.value)


async def _text(call: grpc.aio.UnaryStreamCall[Any, pb.StreamChatResponse]) -> str:
    """The text of the next event of a stream."""
    event = await call.read()
    assert isinstance(event, pb.StreamChatResponse)
    return event.delta.text


async def test_chat(stub: LlmServiceStub, provider: ScriptedProvider) -> None:
    provider.answer(Script(tokens=TOKENS))
    answer = await stub.Chat(pb.ChatRequest(messages=ASK))
    assert answer.message == pb.ChatMessage(role=pb.ROLE_ASSISTANT, content="".join(TOKENS))
    assert (answer.model, answer.provider, answer.finish_reason) == ("scripted", "local", pb.FINISH_REASON_STOP)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (3, 6, 9)


async def test_options_reach_the_provider(stub: LlmServiceStub, provider: ScriptedProvider) -> None:
    schema = Struct()
    schema.update({"type": "object", "properties": {"b": {}, "a": {}}, "required": ["b", "a"], "minProperties": 2})
    options = pb.ChatOptions(
        temperature=0,
        top_p=0.5,
        max_tokens=9,
        stop=["\n"],
        seed=0,
        structured_output=pb.StructuredOutput(name="answer", json_schema=schema),
    )
    provider.answer(Script(tokens=['{"b": 1, ', '"a": 2}']))
    answer = await stub.Chat(pb.ChatRequest(messages=ASK, options=options))
    assert answer.schema_check == pb.SchemaCheck(matches=True)
    await stub.Chat(pb.ChatRequest(messages=ASK))
    full, plain = (request.body for request in provider.requests)
    assert (full["temperature"], full["top_p"], full["max_tokens"], full["stop"], full["seed"]) == (
        0,
        0.5,
        9,
        ["\n"],
        0,
    )
    sent = full["response_format"]["json_schema"]
    assert sent["name"] == "answer"
    assert list(sent["schema"]["properties"]) == ["b", "a"]
    assert sent["schema"]["minProperties"] == 2
    assert set(plain) == {"model", "messages"}


async def test_a_stream_is_whole_and_ends_with_its_finish(stub: LlmServiceStub, provider: ScriptedProvider) -> None:
    provider.answer(Script(tokens=[f"t{number} " for number in range(300)]))
    events = [event async for event in stub.StreamChat(pb.StreamChatRequest(messages=ASK))]
    *deltas, finish = events
    assert all(event.HasField("delta") for event in deltas)
    assert "".join(event.delta.text for event in deltas) == "".join(f"t{number} " for number in range(300))
    assert len(deltas) < 100  # Joined: the provider sends them far faster than every 15 ms.
    assert finish.finish == pb.ChatFinish(
        finish_reason=pb.FINISH_REASON_STOP,
        usage=TokenUsage(prompt_tokens=3, completion_tokens=300, total_tokens=303),
        model="scripted",
        provider="local",
    )


async def test_the_first_token_does_not_wait_for_the_second(stub: LlmServiceStub, provider: ScriptedProvider) -> None:
    provider.answer(Script(tokens=TOKENS, hang_at=1))
    call = stub.StreamChat(pb.StreamChatRequest(messages=ASK))
    assert await _text(call) == TOKENS[0]
    call.cancel()


@pytest.mark.parametrize("position", range(len(TOKENS) + 1))
async def test_a_client_that_leaves_at_any_token_stops_the_provider(
    stub: LlmServiceStub, provider: ScriptedProvider, position: int
) -> None:
    provider.answer(Script(tokens=TOKENS, hang_at=position))
    call = stub.StreamChat(pb.StreamChatRequest(messages=ASK))
    text = ""
    while len(text) < len("".join(TOKENS[:position])):
        text += await _text(call)
    await provider.received(1)
    await asyncio.sleep(0.02)
    async with at_once():
        call.cancel()
        departure = await provider.departure()
    assert departure.tokens_sent == position
    usage = await _usage_of(stub)
    assert (usage.calls, usage.failed_calls, usage.cancelled_calls) == (1, 0, 1)
    assert usage.tokens.completion_tokens == position


async def _usage_of(stub: LlmServiceStub) -> pb.ModelUsage:
    """The one entry, once the cancelled call's own end has been written."""
    async with asyncio.timeout(60):
        while not (usage := (await stub.GetUsage(pb.GetUsageRequest())).usage):  # noqa: ASYNC110 - behind gRPC
            await asyncio.sleep(0.01)
    return usage[0]


async def test_a_client_that_leaves_a_whole_answer_stops_the_provider(
    stub: LlmServiceStub, provider: ScriptedProvider
) -> None:
    provider.answer(Script(hang_at=0))
    call = stub.Chat(pb.ChatRequest(messages=ASK))
    task = asyncio.ensure_future(call)
    await provider.received(1)
    await asyncio.sleep(0.02)
    async with at_once():
        task.cancel()
        await provider.departure()


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_clients_deadline_holds_at_the_provider(
    stub: LlmServiceStub, provider: ScriptedProvider, streamed: bool
) -> None:
    provider.answer(Script(tokens=TOKENS, hang_at=2))
    async with at_once(0.5):
        call: Any = (
            stub.StreamChat(pb.StreamChatRequest(messages=ASK), timeout=0.3)
            if streamed
            else stub.Chat(pb.ChatRequest(messages=ASK), timeout=0.3)
        )
        assert (await _refused(call)).status == "DEADLINE_EXCEEDED"
        await provider.departure()


async def test_a_fault_keeps_its_reason_and_loses_the_providers_words(
    stub: LlmServiceStub, provider: ScriptedProvider
) -> None:
    provider.answer(Script(status=401), Script(status=429, headers={"Retry-After": "30"}))
    refused = await _refused(stub.StreamChat(pb.StreamChatRequest(messages=ASK)))
    assert (refused.status, refused.reason) == ("FAILED_PRECONDITION", "PROVIDER_UNAUTHENTICATED")
    limited = await _refused(stub.Chat(pb.ChatRequest(messages=ASK)))
    assert (limited.status, limited.reason, limited.retry_after) == (
        "RESOURCE_EXHAUSTED",
        "PROVIDER_RATE_LIMITED",
        30.0,
    )
    assert "secret" not in limited.message + refused.message


async def test_a_cut_stream_gives_what_came_and_then_its_error(
    stub: LlmServiceStub, provider: ScriptedProvider
) -> None:
    provider.answer(Script(tokens=TOKENS, cut_at=3, pace=0.002))
    call = stub.StreamChat(pb.StreamChatRequest(messages=ASK))
    text = ""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for event in call:
            text += event.delta.text
    assert from_rpc_error(caught.value).reason == "PROVIDER_UNAVAILABLE"
    assert text == "".join(TOKENS[:3])


async def test_a_passing_fault_is_not_seen(stub: LlmServiceStub, provider: ScriptedProvider) -> None:
    provider.answer(Script(status=503), Script(tokens=TOKENS))
    assert (await stub.Chat(pb.ChatRequest(messages=ASK))).message.content == "".join(TOKENS)


async def test_embed(stub: LlmServiceStub) -> None:
    texts = ["light and plants", "光合作用"] + ["more"] * 100
    answer = await stub.Embed(pb.EmbedRequest(kind=pb.EMBED_KIND_QUERY, texts=texts))
    assert (answer.dimension, len(answer.embeddings), answer.model) == (32, 102, "embedder")
    assert all(math.isclose(math.hypot(*vector.values), 1, abs_tol=1e-5) for vector in answer.embeddings)
    assert answer.embeddings[0] != answer.embeddings[1]
    assert answer.embeddings[2] == answer.embeddings[101]


async def test_rerank(stub: LlmServiceStub) -> None:
    answer = await stub.Rerank(
        pb.RerankRequest(query="green plants", documents=["x", "green plants", "plants"], top_n=2)
    )
    assert [item.index for item in answer.results] == [1, 2]
    assert answer.model == "ranker"


async def test_models_and_usage(stub: LlmServiceStub) -> None:
    models = (await stub.ListModels(pb.ListModelsRequest())).models
    assert [(model.name, model.purpose, model.provider, model.default) for model in models] == [
        ("scripted", pb.MODEL_PURPOSE_CHAT, "local", True),
        ("embedder", pb.MODEL_PURPOSE_EMBEDDING, "local", True),
        ("ranker", pb.MODEL_PURPOSE_RERANK, "local", True),
    ]
    await stub.Chat(pb.ChatRequest(messages=ASK))
    await stub.Embed(pb.EmbedRequest(texts=["two words"]))
    usage = await stub.GetUsage(pb.GetUsageRequest())
    assert [(entry.model, entry.calls, entry.tokens.total_tokens) for entry in usage.usage] == [
        ("embedder", 1, 2),
        ("scripted", 1, 7),
    ]
    assert abs(usage.since.ToSeconds() - time.time()) < 60


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ChatRequest(), "messages"),
        (pb.ChatRequest(messages=[pb.ChatMessage(content="nobody speaks")]), "messages[0].role"),
        (pb.ChatRequest(messages=ASK, options=pb.ChatOptions(temperature=3)), "options.temperature"),
        (pb.ChatRequest(messages=ASK, options=pb.ChatOptions(max_tokens=0)), "options.max_tokens"),
    ],
)
async def test_a_bad_field_is_named_and_no_provider_asked(
    stub: LlmServiceStub, provider: ScriptedProvider, request_: pb.ChatRequest, field: str
) -> None:
    error = await _refused(stub.Chat(request_))
    assert (error.status, error.violations[0].field) == ("INVALID_ARGUMENT", field)
    assert provider.requests == []


async def test_unknown_models_are_not_found(stub: LlmServiceStub, provider: ScriptedProvider) -> None:
    for call in (
        stub.Chat(pb.ChatRequest(model="x", messages=ASK)),
        stub.StreamChat(pb.StreamChatRequest(model="x", messages=ASK)),
        stub.Embed(pb.EmbedRequest(model="x", texts=["t"])),
        stub.Rerank(pb.RerankRequest(model="x", query="q", documents=["d"])),
    ):
        error = await _refused(call)
        assert (error.status, error.reason) == ("NOT_FOUND", "MODEL_NOT_FOUND")
    assert provider.requests == []


async def test_a_service_without_providers_says_what_is_missing() -> None:
    async with _service() as stub:
        assert (await stub.ListModels(pb.ListModelsRequest())).models == []
        for call, reason in (
            (stub.Chat(pb.ChatRequest(messages=ASK)), "NO_CHAT_PROVIDER"),
            (stub.StreamChat(pb.StreamChatRequest(messages=ASK)), "NO_CHAT_PROVIDER"),
            (stub.Embed(pb.EmbedRequest(texts=["t"])), "NO_EMBEDDER"),
            (stub.Rerank(pb.RerankRequest(query="q", documents=["d"])), "NO_RERANK_PROVIDER"),
        ):
            error = await _refused(call)
            assert (error.status, error.reason) == ("FAILED_PRECONDITION", reason)


async def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=f"TIKU_EMBED_MODEL_PATH: {tmp_path} holds no"):
        async with _service(embed_model_path=tmp_path):
            pytest.fail("started without a model")


async def test_a_full_provider_refuses_with_a_time_to_come_back(provider: ScriptedProvider) -> None:
    async with _service(
        llm_base_url=provider.base_url, llm_model="scripted", llm_max_concurrent=2, llm_max_waiting=1
    ) as stub:
        provider.answer(*(Script(latency=0.3) for _ in range(3)))
        calls = [asyncio.ensure_future(stub.Chat(pb.ChatRequest(messages=ASK))) for _ in range(3)]
        await provider.received(2)
        await asyncio.sleep(0.05)
        error = await _refused(stub.Chat(pb.ChatRequest(messages=ASK)))
        assert (error.status, error.reason) == ("RESOURCE_EXHAUSTED", "PROVIDER_BUSY")
        assert error.retry_after is not None
        await asyncio.gather(*calls)
        assert provider.most_active == 2


async def test_hundreds_at_once(provider: ScriptedProvider) -> None:
    async with _service(llm_base_url=provider.base_url, llm_model="scripted") as stub:
        scripts = [Script(tokens=[f"answer {number}"], latency=0.2) for number in range(200)]
        provider.answer(*scripts)
        answers = await asyncio.gather(*(stub.Chat(pb.ChatRequest(messages=ASK)) for _ in range(200)))
        assert {answer.message.content for answer in answers} == {f"answer {number}" for number in range(200)}
