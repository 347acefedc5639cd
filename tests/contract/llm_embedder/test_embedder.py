"""What every Embedder does: the local model's process, a server's answers in both encodings, and the fake."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from services.kit.errors import TikuError
from services.llm.adapters.embedders.fake import FakeEmbedder
from services.llm.adapters.embedders.local import LocalEmbedder
from services.llm.adapters.embedders.openai_http import OpenAiHttpEmbedder
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.local.process import LocalModel
from services.llm.ports import Embedder
from services.llm.values.local import Backend, Task
from services.llm.values.relevance import EmbedKind, Vectors
from tests.engines import on_engine
from tests.fakes import tiny_embedder
from tests.fakes.openai_server import Script, ScriptedProvider

QUERY, PASSAGE = EmbedKind.QUERY, EmbedKind.PASSAGE

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADAPTERS = ["hashing", "http", "http-floats", on_engine("onnx"), on_engine("torch")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ADAPTERS)
async def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedder]:
    async with AsyncExitStack() as stack:
        if request.param == "hashing":
            yield FakeEmbedder(32)
        elif request.param in list(Backend):
            folder = tmp_path_factory.mktemp("models") / "tiny"
            await asyncio.to_thread(tiny_embedder.build, folder)
            yield LocalEmbedder(await stack.enter_async_context(_running(folder, Backend(request.param))))
        else:
            server = ScriptedProvider(float_embeddings=request.param == "http-floats")
            await stack.enter_async_context(server)
            client = await stack.enter_async_context(ProviderClient.open("scripted", server.base_url, "sk-test"))
            yield OpenAiHttpEmbedder(client, "scripted")


@asynccontextmanager
async def _running(folder: Path, backend: Backend) -> AsyncIterator[LocalModel]:
    model = LocalModel(folder, backend, Task.EMBED, threads=1)
    running = asyncio.create_task(model.run())
    try:
        await asyncio.wait_for(model._ready.wait(), 60)
        yield model
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _rows(vectors: Vectors) -> list[tuple[float, ...]]:
    return [struct.unpack(f"<{vectors.dimension}f", vectors.row(index)) for index in range(vectors.count)]


def _cosine(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def test_one_unit_vector_a_text(embedder: Embedder) -> None:
    vectors = await embedder.embed(["light", "光合作用", "a longer text, with words"], PASSAGE, 30)
    assert vectors.count == 3
    assert len(vectors.data) == 3 * 4 * vectors.dimension
    assert all(math.isclose(math.hypot(*row), 1, abs_tol=1e-5) for row in _rows(vectors))
    assert vectors.usage.prompt_tokens > 0
    assert vectors.usage.completion_tokens == 0


async def test_a_query_of_a_servers_address_stays_behind_the_path() -> None:
    async with ScriptedProvider() as server, ProviderClient.open("x", server.base_url + "/?version=1", "") as client:
        await OpenAiHttpEmbedder(client, "scripted").embed(["light"], PASSAGE, 5)
    assert [request.path for request in server.requests] == ["/v1/embeddings?version=1"]


async def test_the_order_is_that_of_the_texts_and_company_changes_nothing(embedder: Embedder) -> None:
    texts = [f"text number {number} " + "word " * (number % 7) for number in range(200)]
    together = _rows(await embedder.embed(texts, PASSAGE, 60))
    for number in (0, 6, 63, 64, 129, 199):
        (alone,) = _rows(await embedder.embed([texts[number]], PASSAGE, 30))
        assert _cosine(alone, together[number]) > 0.9999


async def test_requests_at_once_get_their_own(embedder: Embedder) -> None:
    texts = [f"concurrent {'abcdefgh'[number % 8] * (number + 1)}" for number in range(20)]
    answers = await asyncio.gather(*(embedder.embed([text], QUERY, 30) for text in texts))
    for text, answer in zip(texts, answers, strict=True):
        (alone,) = _rows(await embedder.embed([text], QUERY, 30))
        assert _cosine(alone, _rows(answer)[0]) > 0.9999


@pytest.mark.parametrize("text", [" ", "\n\n\t", "\x00", "🎓", "x" * 65536, "光" * 21845])
async def test_a_strange_text_gets_a_vector_too(embedder: Embedder, text: str) -> None:
    (row,) = _rows(await embedder.embed([text], PASSAGE, 30))
    assert math.isclose(math.hypot(*row), 1, abs_tol=1e-5)


async def test_a_cancelled_request_harms_nobody(embedder: Embedder) -> None:
    gone = asyncio.create_task(embedder.embed(["gone"] * 100, PASSAGE, 30))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert (await embedder.embed(["kept"], PASSAGE, 30)).count == 1


@pytest.mark.parametrize("embedder", [on_engine("onnx"), on_engine("torch")], indirect=True)
async def test_a_model_with_prompts_tells_queries_from_passages(embedder: Embedder) -> None:
    (query,) = _rows(await embedder.embed(["light"], QUERY, 30))
    (passage,) = _rows(await embedder.embed(["light"], PASSAGE, 30))
    assert _cosine(query, passage) < 0.9999


@pytest.mark.engine
@pytest.mark.parametrize("backend", Backend)
async def test_a_folder_that_is_no_model_ends_the_service(tmp_path: Path, backend: Backend) -> None:
    with pytest.raises(RuntimeError, match="the embedding model cannot be loaded"):
        await asyncio.wait_for(LocalModel(tmp_path, backend, Task.EMBED, threads=1).run(), 60)


@pytest.mark.engine
async def test_both_backends_give_the_vectors_of_one_model(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    await asyncio.to_thread(tiny_embedder.build, folder)
    texts = ["light", "光合作用", "a longer text, with words " * 20, ""]
    answers = []
    for backend in Backend:
        async with _running(folder, backend) as model:
            answers.append(await model.encode(texts, PASSAGE, 60))
    exact, quantized = (_rows(vectors) for vectors in answers)
    assert min(map(_cosine, exact, quantized)) > 0.99
    assert answers[0].usage == answers[1].usage


@pytest_asyncio.fixture(loop_scope="module")
async def scripted() -> AsyncIterator[tuple[ScriptedProvider, ProviderClient]]:
    async with ScriptedProvider() as server, ProviderClient.open("scripted", server.base_url, "") as client:
        yield server, client


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("intfloat/multilingual-e5-small", "query: light"),
        ("multilingual-e5-large", "query: light"),
        ("text-embedding-3-small", "light"),
        ("e5-mistral-7b-instruct", "light"),
    ],
)
async def test_e5_over_http_gets_its_prefixes(
    scripted: tuple[ScriptedProvider, ProviderClient], model: str, sent: str
) -> None:
    server, client = scripted
    await OpenAiHttpEmbedder(client, model).embed(["light"], QUERY, 5)
    assert server.requests[0].body == {"model": model, "input": [sent], "encoding_format": "base64"}
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"data": []}',
        b'{"data": [{"index": 1, "embedding": [1, 0]}]}',
        b'{"data": [{"index": 0, "embedding": [0, 0]}]}',
        b'{"data": [{"index": 0, "embedding": []}]}',
        b'{"data": [{"index": 0, "embedding": "!"}]}',
        b'{"data": [{"index": 0, "embedding": "AAA="}]}',
        b'{"data": [{"index": 0, "embedding": "AADAfwAAwH8="}]}',
    ],
)
async def test_a_body_that_holds_no_vector_is_a_bad_response(
    scripted: tuple[ScriptedProvider, ProviderClient], body: bytes
) -> None:
    server, client = scripted
    server.answer(Script(body=body))
    with pytest.raises(TikuError) as caught:
        await OpenAiHttpEmbedder(client, "m").embed(["light"], QUERY, 5)
    assert caught.value.reason == "PROVIDER_BAD_RESPONSE"


async def test_a_failing_batch_fails_the_request_and_stops_the_others(
    scripted: tuple[ScriptedProvider, ProviderClient],
) -> None:
    server, client = scripted
    server.answer(Script(latency=30), Script(status=503), Script(latency=30))
    with pytest.raises(TikuError) as caught:
        await OpenAiHttpEmbedder(client, "m").embed(["light"] * 192, QUERY, 20)
    assert caught.value.reason == "PROVIDER_UNAVAILABLE"
    await server.departure()
    await server.departure()


async def test_a_server_that_is_slow_times_out(scripted: tuple[ScriptedProvider, ProviderClient]) -> None:
    server, client = scripted
    server.answer(Script(latency=30))
    with pytest.raises(TikuError) as caught:
        await OpenAiHttpEmbedder(client, "m").embed(["light"], QUERY, 0.1)
    assert caught.value.reason == "PROVIDER_TIMEOUT"
