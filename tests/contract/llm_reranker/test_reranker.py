"""What every Reranker does: the adapters over HTTP and the fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from services.kit.errors import TikuError
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.local.process import LocalModel
from services.llm.adapters.rerankers.dialects import WIRES, dialect_of
from services.llm.adapters.rerankers.fake import FakeReranker
from services.llm.adapters.rerankers.http import HttpReranker
from services.llm.adapters.rerankers.local import LocalReranker
from services.llm.adapters.rerankers.yes_no import YesNoReranker
from services.llm.ports import Reranker
from services.llm.values.local import Backend, Task
from services.llm.values.relevance import RerankDialect
from tests.fakes import tiny_embedder
from tests.fakes.openai_server import Script, ScriptedProvider

DOCUMENTS = ["nothing of it", "green plants eat light", "plants", "light plants grow"]


@pytest.fixture
async def scripted() -> AsyncIterator[tuple[ScriptedProvider, HttpReranker]]:
    async with ScriptedProvider() as server, ProviderClient.open("scripted", server.base_url, "") as client:
        yield server, HttpReranker(client, "ranker")


@pytest.fixture
async def judging() -> AsyncIterator[tuple[ScriptedProvider, YesNoReranker]]:
    async with ScriptedProvider() as server, ProviderClient.open("scripted", server.base_url, "") as client:
        yield server, YesNoReranker(client, "judge")


@pytest.fixture(params=[*WIRES, "yes_no", "fake"])
def reranker(
    request: pytest.FixtureRequest,
    scripted: tuple[ScriptedProvider, HttpReranker],
    judging: tuple[ScriptedProvider, YesNoReranker],
) -> Reranker:
    if request.param in WIRES:
        return replace(scripted[1], _dialect=request.param)
    return judging[1] if request.param == "yes_no" else FakeReranker()


async def test_the_best_comes_first(reranker: Reranker) -> None:
    ranking = await reranker.rerank("green light plants", DOCUMENTS, 0, 5)
    assert [item.index for item in ranking.results] == [1, 3, 2, 0]
    scores = [item.score for item in ranking.results]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("top_n", "count"), [(1, 1), (3, 3), (4, 4), (99, 4)])
async def test_no_more_than_asked_for(reranker: Reranker, top_n: int, count: int) -> None:
    assert len((await reranker.rerank("plants", DOCUMENTS, top_n, 5)).results) == count


FLAT = {"model": "ranker", "query": "q", "documents": ["a", "b"], "top_n": 2}


@pytest.mark.parametrize(
    ("dialect", "path", "body", "tokens"),
    [
        ("cohere", "/v1/rerank", FLAT, 7),
        ("jina", "/v1/rerank", {**FLAT, "return_documents": False}, 7),
        ("tei", "/v1/rerank", {"model": "ranker", "query": "q", "texts": ["a", "b"], "truncate": True}, 0),
        ("dashscope-compatible", "/v1/reranks", FLAT, 7),
        (
            "dashscope",
            "/v1/services/rerank/text-rerank/text-rerank",
            {
                "model": "ranker",
                "input": {"query": "q", "documents": ["a", "b"]},
                "parameters": {"top_n": 2, "return_documents": False},
            },
            7,
        ),
    ],
)
async def test_what_goes_over_the_wire(
    scripted: tuple[ScriptedProvider, HttpReranker],
    dialect: RerankDialect,
    path: str,
    body: dict[str, object],
    tokens: int,
) -> None:
    server, reranker = scripted
    ranking = await replace(reranker, _dialect=dialect).rerank("q", ["a", "b"], 0, 5)
    assert (server.requests[0].path, server.requests[0].body) == (path, body)
    assert ranking.usage.prompt_tokens == tokens


@pytest.mark.parametrize(
    ("url", "dialect"),
    [
        ("https://api.cohere.com/v2", "cohere"),
        ("https://api.jina.ai/v1", "jina"),
        ("https://dashscope-intl.aliyuncs.com/api/v1", "dashscope"),
        ("https://dashscope.aliyuncs.com/compatible-api/v1", "dashscope-compatible"),
        ("http://127.0.0.1:8080/v1", "jina"),
    ],
)
def test_a_host_tells_its_dialect(url: str, dialect: RerankDialect) -> None:
    assert dialect_of(url) == dialect


async def test_a_server_that_takes_few_documents_is_asked_several_times(
    scripted: tuple[ScriptedProvider, HttpReranker],
) -> None:
    server, reranker = scripted
    documents = [*["nothing"] * 40, "plants", *["nothing"] * 40, "green plants"]
    ranking = await replace(reranker, _dialect="tei").rerank("green plants", documents, 2, 5)
    assert [item.index for item in ranking.results] == [81, 40]
    assert sorted(len(request.body["texts"]) for request in server.requests) == [18, 32, 32]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"results": [{"index": 2, "relevance_score": 1}]}',
        b'{"results": [{"index": -1, "relevance_score": 1}]}',
        b'{"results": [{"index": 0, "relevance_score": 1}, {"index": 0, "relevance_score": 2}]}',
        b'{"results": [{"index": 0}]}',
    ],
)
async def test_a_ranking_of_something_else_is_a_bad_response(
    scripted: tuple[ScriptedProvider, HttpReranker], body: bytes
) -> None:
    server, reranker = scripted
    server.answer(Script(body=body))
    with pytest.raises(TikuError) as caught:
        await reranker.rerank("q", ["a", "b"], 0, 5)
    assert caught.value.reason == "PROVIDER_BAD_RESPONSE"


async def test_a_refused_key_is_said(scripted: tuple[ScriptedProvider, HttpReranker]) -> None:
    server, reranker = scripted
    server.answer(Script(status=401))
    with pytest.raises(TikuError) as caught:
        await reranker.rerank("q", ["a"], 0, 5)
    assert caught.value.reason == "PROVIDER_UNAUTHENTICATED"


async def test_a_chat_model_is_asked_of_each_document_alone(judging: tuple[ScriptedProvider, YesNoReranker]) -> None:
    server, reranker = judging
    ranking = await reranker.rerank("what is {green}?", ["a {passage}", "b"], 0, 5)
    first, second = (request.body for request in server.requests)
    assert (first["model"], first["max_tokens"], first["logprobs"], first["top_logprobs"]) == ("judge", 1, True, 20)
    # The document comes first: a server that keeps prefixes reads it once for many questions.
    task = first["messages"][-1]["content"]
    assert task.index("a {passage}") < task.index("what is {green}?")
    assert "a {passage}" not in second["messages"][-1]["content"]
    assert all(0 < item.score < 1 for item in ranking.results)
    assert (ranking.usage.prompt_tokens > 0, ranking.usage.completion_tokens) == (True, 8)
    assert server.most_active <= 2


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"logprobs": null}]}',
        b'{"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "maybe", "logprob": -0.1}]}]}}]}',
    ],
)
async def test_a_model_that_tells_no_probabilities_is_a_bad_response(
    judging: tuple[ScriptedProvider, YesNoReranker], body: bytes
) -> None:
    server, reranker = judging
    server.answer(Script(body=body))
    with pytest.raises(TikuError) as caught:
        await reranker.rerank("q", ["a"], 0, 5)
    assert caught.value.reason == "PROVIDER_BAD_RESPONSE"


async def test_the_time_is_that_of_all_documents_together(judging: tuple[ScriptedProvider, YesNoReranker]) -> None:
    server, reranker = judging
    server.answer(*[Script(latency=0.15)] * 6)
    with pytest.raises(TikuError) as caught:
        await reranker.rerank("q", ["a"] * 6, 0, 0.2)
    assert caught.value.reason == "PROVIDER_TIMEOUT"


PAIRS = ["green plants eat light", "the stock market fell", "光合作用", "", "light " * 200]


@asynccontextmanager
async def _local(folder: Path, backend: Backend) -> AsyncIterator[LocalReranker]:
    model = LocalModel(folder, backend, Task.RERANK, threads=1)
    running = asyncio.create_task(model.run())
    try:
        yield LocalReranker(model)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.engine
async def test_a_local_cross_encoder_gives_the_same_scores_on_both_backends(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    await asyncio.to_thread(tiny_embedder.build_cross_encoder, folder)
    scores = []
    for backend in Backend:
        async with _local(folder, backend) as reranker:
            whole = await reranker.rerank("what do plants eat?", PAIRS, 0, 90)
            best = await reranker.rerank("what do plants eat?", PAIRS, 2, 90)
        assert [item.index for item in best.results] == [item.index for item in whole.results[:2]]
        assert whole.usage.prompt_tokens > 64
        scores.append([score for _, score in sorted((item.index, item.score) for item in whole.results)])
    assert all(0 < score < 1 for score in scores[0])
    assert max(scores[1]) - min(scores[1]) > 0.02
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
