"""The service on real weights: multilingual-e5-small, and SmolLM2 on llama.cpp.

Skipped, naming what would enable them, where `tiku models pull` has not brought the weights.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
import pytest_asyncio
from google.protobuf.struct_pb2 import Struct
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.embedded.llama import Llama, llama
from services.embedded.network import free_port
from services.kit.channels import open_channel
from services.kit.rpc_errors import from_rpc_error
from services.kit.server import running
from services.llm.app import build
from services.llm.settings import LlmSettings
from services.models.pull import path
from tests.engines import engine
from tiku.llm.v1 import llm_pb2 as pb
from tiku.llm.v1.llm_pb2_grpc import LlmServiceStub

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

_NOTHING: dict[str, Any] = {
    "llm_base_url": "",
    "embed_base_url": "",
    "embed_model_path": None,
    "rerank_base_url": "",
    "drain_seconds": 0.5,
}


async def _weights(name: str) -> Path:
    found = await path(name)
    if found is None:
        pytest.skip(f"no weights of {name} in TIKU_MODELS_DIR: `tiku models pull {name}` brings them")
    return found


@asynccontextmanager
async def _service(**settings: Any) -> AsyncIterator[grpc.aio.Channel]:
    configuration = LlmSettings(**{**_NOTHING, **settings})
    async with AsyncExitStack() as stack:
        app = await build(configuration, stack)
        server = await stack.enter_async_context(running(app, "127.0.0.1:0", configuration))
        yield await stack.enter_async_context(open_channel(server.address, default_timeout=90))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embedding() -> AsyncIterator[LlmServiceStub]:
    async with _service(embed_model_path=await _weights("multilingual-e5-small")) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        async with asyncio.timeout(90):
            answer = await health.Check(health_pb2.HealthCheckRequest(service="tiku.llm.v1.LlmService"))
            assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
            while answer.status != health_pb2.HealthCheckResponse.SERVING:
                await asyncio.sleep(0.2)
                answer = await health.Check(health_pb2.HealthCheckRequest(service="tiku.llm.v1.LlmService"))
        yield LlmServiceStub(channel)


def _cosine(a: pb.Embedding, b: pb.Embedding) -> float:
    return sum(x * y for x, y in zip(a.values, b.values, strict=True))


async def test_a_question_finds_its_passage_in_either_language(embedding: LlmServiceStub) -> None:
    passages = [
        "Photosynthesis lets green plants turn light into sugar.",
        "The stock market fell sharply on Monday.",
        "光合作用是植物把光能转化为化学能的过程。",
        "股市周一大幅下跌。",
    ]
    answer = await embedding.Embed(pb.EmbedRequest(kind=pb.EMBED_KIND_PASSAGE, texts=passages))
    assert (answer.dimension, answer.model) == (384, "multilingual-e5-small")
    for question, order in (("How do plants use light?", [0, 2]), ("植物怎样利用光？", [2, 0])):
        asked = await embedding.Embed(pb.EmbedRequest(kind=pb.EMBED_KIND_QUERY, texts=[question]))
        scores = [_cosine(asked.embeddings[0], passage) for passage in answer.embeddings]
        assert sorted(range(4), key=lambda index: -scores[index])[:2] == order


async def test_a_question_is_nearer_to_the_passage_that_answers_it(embedding: LlmServiceStub) -> None:
    passages = [
        "光合作用是绿色植物利用光能，把二氧化碳和水合成为有机物，并释放氧气的过程。",
        "牛顿第一定律指出，物体在不受外力时保持静止或匀速直线运动。",
    ]
    found = await embedding.Embed(pb.EmbedRequest(kind=pb.EMBED_KIND_PASSAGE, texts=passages))
    asked = await embedding.Embed(pb.EmbedRequest(kind=pb.EMBED_KIND_QUERY, texts=["光合作用是什么"]))
    itself, answer, unrelated = (_cosine(asked.embeddings[0], each) for each in (*asked.embeddings, *found.embeddings))
    assert itself == pytest.approx(1.0, abs=1e-5)
    assert answer > 0.9
    assert answer > unrelated + 0.05


async def test_a_question_is_not_stuck_behind_a_document(embedding: LlmServiceStub) -> None:
    chunk = "Chlorophyll in the leaves takes up red and blue light and leaves the green. " * 6
    # Equal texts would be embedded once.
    document = asyncio.ensure_future(embedding.Embed(pb.EmbedRequest(texts=[f"{n} {chunk}" for n in range(64)])))
    await asyncio.sleep(0.1)
    started = time.monotonic()
    await embedding.Embed(pb.EmbedRequest(kind=pb.EMBED_KIND_QUERY, texts=["What takes up light?"]))
    waited = time.monotonic() - started
    assert not document.done()
    await document
    assert waited < (time.monotonic() - started) / 3  # It waits for one batch of the document's.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small_model(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Llama]:
    weights = await _weights("smollm2-135m-instruct-q4_1")
    server = llama(weights, "smol", free_port(), tmp_path_factory.mktemp("llama") / "llama.log")
    async with engine(server.spec):
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["http", "sdk"])
async def chat(request: pytest.FixtureRequest, small_model: Llama) -> AsyncIterator[tuple[LlmServiceStub, str]]:
    named = {"llm_base_url": small_model.base_url, "llm_model": small_model.model}
    async with _service(**named, llm_adapter=request.param) as channel:
        yield LlmServiceStub(channel), small_model.base_url


def _ask(text: str, **options: Any) -> dict[str, Any]:
    return {
        "messages": [pb.ChatMessage(role=pb.ROLE_USER, content=text)],
        "options": pb.ChatOptions(temperature=0, **options),
    }


async def test_an_answer_whole_and_streamed_is_the_same(chat: tuple[LlmServiceStub, str]) -> None:
    stub, _ = chat
    asked = _ask("Name three colours.", max_tokens=24, seed=1)
    whole = await stub.Chat(pb.ChatRequest(**asked))
    events = [event async for event in stub.StreamChat(pb.StreamChatRequest(**asked))]
    assert whole.message.content
    assert "".join(event.delta.text for event in events) == whole.message.content
    assert events[-1].finish.finish_reason == whole.finish_reason
    usage = events[-1].finish.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (whole.usage.prompt_tokens, whole.usage.completion_tokens)
    assert 0 < whole.usage.completion_tokens <= 24
    assert whole.usage.prompt_tokens > 5


async def test_an_answer_follows_its_schema_in_the_order_of_required(chat: tuple[LlmServiceStub, str]) -> None:
    stub, _ = chat
    schema = Struct()
    schema.update(
        {
            "type": "object",
            "properties": {"answer": {"type": "boolean"}, "colour": {"enum": ["red", "blue"]}},
            "required": ["colour", "answer"],
            "additionalProperties": False,
        }
    )
    output = pb.StructuredOutput(name="choice", json_schema=schema)
    answer = await stub.Chat(pb.ChatRequest(**_ask("Choose.", max_tokens=64, structured_output=output)))
    chosen = json.loads(answer.message.content)
    assert list(chosen) == ["colour", "answer"]
    assert chosen["colour"] in ("red", "blue")


async def test_a_prompt_that_is_too_long_says_so(chat: tuple[LlmServiceStub, str]) -> None:
    stub, _ = chat
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Chat(pb.ChatRequest(**_ask("word " * 20_000)))
    error = from_rpc_error(caught.value)
    assert (error.status, error.reason) == ("INVALID_ARGUMENT", "CONTEXT_TOO_LONG")


async def test_a_cancelled_stream_frees_the_engine(chat: tuple[LlmServiceStub, str]) -> None:
    stub, base_url = chat
    call = stub.StreamChat(pb.StreamChatRequest(**_ask("Count from one to a thousand.", max_tokens=2000)))
    await call.read()
    call.cancel()
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while await _busy(session, base_url):  # noqa: ASYNC110 - the engine sets no event
            await asyncio.sleep(0.05)


async def _busy(session: aiohttp.ClientSession, base_url: str) -> bool:
    """Whether any slot of the engine is at work."""
    async with session.get(base_url.removesuffix("/v1") + "/slots") as response:
        return any(slot["is_processing"] for slot in await response.json())
