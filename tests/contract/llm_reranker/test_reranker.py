"""What every Reranker does: the adapters over HTTP and the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.kit.errors import TikuError
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.rerankers.fake import FakeReranker
from services.llm.adapters.rerankers.http import HttpReranker
from services.llm.adapters.rerankers.yes_no import YesNoReranker
from services.llm.ports import Reranker
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


@pytest.fixture(params=["http", "yes_no", "fake"])
def reranker(
    request: pytest.FixtureRequest,
    scripted: tuple[ScriptedProvider, HttpReranker],
    judging: tuple[ScriptedProvider, YesNoReranker],
) -> Reranker:
    rerankers: dict[str, Reranker] = {"http": scripted[1], "yes_no": judging[1], "fake": FakeReranker()}
    return rerankers[request.param]


async def test_the_best_comes_first(reranker: Reranker) -> None:
    ranking = await reranker.rerank("green light plants", DOCUMENTS, 0, 5)
    assert [item.index for item in ranking.results] == [1, 3, 2, 0]
    scores = [item.score for item in ranking.results]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("top_n", "count"), [(1, 1), (3, 3), (4, 4), (99, 4)])
async def test_no_more_than_asked_for(reranker: Reranker, top_n: int, count: int) -> None:
    assert len((await reranker.rerank("plants", DOCUMENTS, top_n, 5)).results) == count


async def test_what_goes_over_the_wire(scripted: tuple[ScriptedProvider, HttpReranker]) -> None:
    server, reranker = scripted
    ranking = await reranker.rerank("q", ["a", "b"], 0, 5)
    assert server.requests[0].body == {
        "model": "ranker",
        "query": "q",
        "documents": ["a", "b"],
        "top_n": 2,
        "return_documents": False,
    }
    assert ranking.usage.prompt_tokens == 7


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
