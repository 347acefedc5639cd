"""What every Reranker does: the adapter over HTTP and the fake."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.kit.errors import TikuError
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.rerankers.fake import FakeReranker
from services.llm.adapters.rerankers.http import HttpReranker
from services.llm.ports import Reranker
from tests.fakes.openai_server import Script, ScriptedProvider

DOCUMENTS = ["nothing of it", "green plants eat light", "plants", "light plants grow"]


@pytest.fixture
async def scripted() -> AsyncIterator[tuple[ScriptedProvider, HttpReranker]]:
    async with ScriptedProvider() as server, ProviderClient.open("scripted", server.base_url, "") as client:
        yield server, HttpReranker(client, "ranker")


@pytest.fixture(params=["http", "fake"])
def reranker(request: pytest.FixtureRequest, scripted: tuple[ScriptedProvider, HttpReranker]) -> Reranker:
    return FakeReranker() if request.param == "fake" else scripted[1]


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
