"""What every KnowledgeBase does: that of Model Studio, over HTTP from a scripted server, and the fake."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from services.kit.errors import DeadlineExceeded, ResourceExhausted, TikuError, Unavailable
from services.retrieval.adapters.knowledge_bases import acs3
from services.retrieval.adapters.knowledge_bases.bailian import BailianClient, BailianKey, BailianKnowledgeBase
from services.retrieval.adapters.knowledge_bases.fake import FakeKnowledgeBase
from services.retrieval.ports import KnowledgeBase
from services.retrieval.values.chunk import OutsidePassage
from tests.fakes.bailian_server import INDEX, KEY_ID, KEY_SECRET, WORKSPACE, Reply, ScriptedBailian, node

KEY = BailianKey(WORKSPACE, KEY_ID, KEY_SECRET)
TEXTS = ["a b c d", "a b c", "a b", "a"]
"""What "a b c d" finds, best first."""

Over = Callable[..., Awaitable[KnowledgeBase]]
"""Makes a knowledge base of some texts, which fails with an error or does not answer."""


@pytest.fixture
async def server() -> AsyncIterator[ScriptedBailian]:
    async with ScriptedBailian() as scripted:
        yield scripted


@pytest.fixture
async def client(server: ScriptedBailian) -> AsyncIterator[BailianClient]:
    async with BailianClient.open(server.endpoint, KEY, timeout=60) as opened:
        yield opened


@pytest.fixture
def bailian(client: BailianClient) -> BailianKnowledgeBase:
    return BailianKnowledgeBase(client, "Handbook", INDEX, top_k=20)


@pytest.fixture(params=["fake", "bailian"])
def over(request: pytest.FixtureRequest, server: ScriptedBailian, bailian: BailianKnowledgeBase) -> Over:
    async def made(
        texts: Sequence[str] = (), *, throttled: bool = False, broken: bool = False, silent: bool = False
    ) -> KnowledgeBase:
        if request.param == "fake":
            error = ResourceExhausted("no more", retry_after=3.0) if throttled else Unavailable("down")
            return FakeKnowledgeBase(
                [OutsidePassage(text, 0) for text in texts],
                error=error if throttled or broken else None,
                delay=1000 if silent else 0,
            )
        nodes = [node(text, 1 - index / 10) for index, text in enumerate(texts)]
        status = 429 if throttled else 503 if broken else 200
        server.replies = [Reply(nodes=nodes, status=status, headers={"Retry-After": "3"}, hang=silent)]
        return bailian

    return made


async def test_the_best_comes_first_with_a_score_from_0_to_1(over: Over) -> None:
    found = await (await over(TEXTS)).search("a b c d", 10)
    assert [passage.text for passage in found] == TEXTS
    scores = [passage.score for passage in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


async def test_no_more_come_than_asked_for(over: Over) -> None:
    assert [passage.text for passage in await (await over(TEXTS)).search("a b c d", 2)] == TEXTS[:2]


async def test_nothing_found_is_no_error(over: Over) -> None:
    assert await (await over()).search("a b c d", 10) == []


async def test_a_base_that_wants_fewer_questions_says_for_how_long(over: Over) -> None:
    with pytest.raises(ResourceExhausted) as caught:
        await (await over(throttled=True)).search("a", 10)
    assert caught.value.retry_after == 3.0


async def test_a_base_that_fails_is_unavailable(over: Over) -> None:
    with pytest.raises(Unavailable):
        await (await over(broken=True)).search("a", 10)


async def test_a_search_can_be_cancelled(over: Over) -> None:
    base = await over(silent=True)
    task = asyncio.ensure_future(base.search("a", 10))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


_RECORDED = json.loads(Path(__file__).with_name("signed_by_the_sdk.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", _RECORDED["vectors"])
def test_signatures_are_those_of_the_sdk(vector: dict[str, Any]) -> None:
    """`record_vectors.py` beside this file says how they were made."""
    path = f"/{acs3.encoded(vector['workspace_id'])}/index/retrieve"
    assert path == vector["path"]
    headers = dict(vector["headers"])
    expected = headers.pop("Authorization")
    query = acs3.canonical_query(vector["query"])
    key_id, secret = _RECORDED["access_key_id"], _RECORDED["access_key_secret"]
    assert acs3.authorization(vector["method"], path, query, headers, key_id, secret) == expected
    assert acs3.authorization("POST", path, query + "x", headers, key_id, secret) != expected


@pytest.mark.parametrize(
    "question",
    [
        "光合作用的产物是什么？",
        "two  words\tand\na line",
        "a~b*c+d/e f%20g&h=i'(j)!k;l?m#n\"o\\p[q]{r}|s^t`u<v>",
        "e\u0301 ｆｕｌｌ　ｗｉｄｔｈ 🙂",
        "",
    ],
)
async def test_what_is_asked_arrives_signed(
    server: ScriptedBailian, bailian: BailianKnowledgeBase, question: str
) -> None:
    assert await bailian.search(question, 40) == []
    assert server.refused == []
    assert server.queries == [
        {
            "IndexId": INDEX,
            "Query": question,
            "EnableReranking": "true",
            "RerankTopN": "20",
            "SaveRetrieverHistory": "false",
        }
    ]


async def test_ranking_is_the_bases_own_or_none(server: ScriptedBailian, client: BailianClient) -> None:
    await BailianKnowledgeBase(client, "x", INDEX, top_k=7, min_score=0.25).search("q", 40)
    await BailianKnowledgeBase(client, "x", INDEX, top_k=7, rerank=False, min_score=0.25).search("q", 3)
    first, second = server.queries
    assert (first["RerankTopN"], first["RerankMinScore"]) == ("7", "0.25")
    assert (second["EnableReranking"], second["DenseSimilarityTopK"], second["SparseSimilarityTopK"]) == (
        "false",
        "3",
        "3",
    )
    assert "RerankMinScore" not in second


async def test_a_long_question_is_cut(server: ScriptedBailian, bailian: BailianKnowledgeBase) -> None:
    await bailian.search("水" * 20_000, 5)
    assert server.queries[0]["Query"] == "水" * 600


async def test_passages_say_what_the_base_tells_of_them(server: ScriptedBailian, bailian: BailianKnowledgeBase) -> None:
    odd = {"Text": "no metadata", "Score": None, "Metadata": None}
    nodes = [node(f"text {index}", 0.9 - index / 50) for index in range(17)]
    nodes += [{"Text": " \n", "Score": 0.99}, odd, {**node("far", -1), "Metadata": {"doc_name": 7}}]
    server.replies = [Reply(nodes=nodes)]
    found = await bailian.search("q", 20)
    assert found[0] == OutsidePassage("text 0", 0.9, "file_0b21e0a8", "手册 v2.pdf", "第三章")
    assert found[17:] == [OutsidePassage("no metadata", 0.0), OutsidePassage("far", 0.0)]


async def test_a_passage_is_no_longer_than_the_contract_holds(
    server: ScriptedBailian, bailian: BailianKnowledgeBase
) -> None:
    server.replies = [Reply(nodes=[node("水" * 30_000, 0.5)])]
    (found,) = await bailian.search("q", 5)
    assert found.text == "水" * (65536 // 3)


def failure(code: str) -> bytes:
    said = {"Code": code, "Message": "about scripted-secret", "RequestId": "R", "Success": False, "Status": "400"}
    return json.dumps(said).encode()


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(body=failure("Index.InvalidParameter")), "KNOWLEDGE_BASE_REJECTED"),
        (Reply(body=failure("Throttling.User")), "KNOWLEDGE_BASE_THROTTLED"),
        (Reply(status=400, body=failure("Throttling")), "KNOWLEDGE_BASE_THROTTLED"),
        (Reply(status=429, body=b"slow down"), "KNOWLEDGE_BASE_THROTTLED"),
        (Reply(status=403, body=b"<html>"), "KNOWLEDGE_BASE_UNAUTHENTICATED"),
        (Reply(status=400, body=failure("InvalidAccessKeyId.Inactive")), "KNOWLEDGE_BASE_UNAUTHENTICATED"),
        (Reply(status=404, body=b""), "KNOWLEDGE_BASE_REJECTED"),
        (Reply(status=500, body=failure("InternalError")), "KNOWLEDGE_BASE_UNAVAILABLE"),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:1/"}), "KNOWLEDGE_BASE_BAD_RESPONSE"),
        (Reply(body=b""), "KNOWLEDGE_BASE_BAD_RESPONSE"),
        (Reply(body=b'{"Success": true}'), "KNOWLEDGE_BASE_BAD_RESPONSE"),
        (Reply(body=b'{"Data": {"Nodes": [{"Text": 5}]}}'), "KNOWLEDGE_BASE_BAD_RESPONSE"),
        (Reply(body=b'{"Data": {"Nodes": [{"Text": "\xff"}]}}'), "KNOWLEDGE_BASE_BAD_RESPONSE"),
        (Reply(body=b'{"Data": ' + b"[" * 100_000), "KNOWLEDGE_BASE_BAD_RESPONSE"),
        (Reply(body=b" " * (5 << 20)), "KNOWLEDGE_BASE_BAD_RESPONSE"),
        (Reply(nodes=[node("x" * 1000, 1)], cut=True), "KNOWLEDGE_BASE_UNAVAILABLE"),
        (Reply(drop=True), "KNOWLEDGE_BASE_UNAVAILABLE"),
    ],
)
async def test_every_failure_has_a_reason(
    server: ScriptedBailian,
    bailian: BailianKnowledgeBase,
    caplog: pytest.LogCaptureFixture,
    reply: Reply,
    reason: str,
) -> None:
    server.replies = [reply]
    with caplog.at_level(logging.DEBUG), pytest.raises(TikuError) as caught:
        await bailian.search("an open question", 5)
    assert caught.value.reason == reason
    assert "Handbook" in caught.value.message
    logged = [str(vars(record)) for record in caplog.records if record.name.startswith("services.")]
    assert logged
    assert not any("secret" in line or "an open question" in line for line in logged)


async def test_a_wrong_key_is_said_and_stays_secret(server: ScriptedBailian, caplog: pytest.LogCaptureFixture) -> None:
    wrong = BailianKey(WORKSPACE, KEY_ID, "another-key")
    async with BailianClient.open(server.endpoint, wrong) as client:
        with pytest.raises(TikuError) as caught:
            await BailianKnowledgeBase(client, "Handbook", INDEX).search("an open question", 5)
    assert server.refused == ["SignatureDoesNotMatch"]
    assert (caught.value.reason, caught.value.metadata) == (
        "KNOWLEDGE_BASE_UNAUTHENTICATED",
        {"code": "SignatureDoesNotMatch"},
    )
    told = [repr(wrong), str(caught.value), *(str(vars(record)) for record in caplog.records)]
    assert not any("another-key" in line or "an open question" in line for line in told)


async def test_a_slow_base_has_its_time(server: ScriptedBailian) -> None:
    server.replies = [Reply(hang=True)]
    async with BailianClient.open(server.endpoint, KEY, timeout=0.1) as client:
        with pytest.raises(DeadlineExceeded) as caught:
            await BailianKnowledgeBase(client, "Handbook", INDEX).search("q", 5)
    assert caught.value.reason == "KNOWLEDGE_BASE_TIMEOUT"
    await server.cancelled.wait()


async def test_nobody_listens() -> None:
    async with ScriptedBailian() as server:
        endpoint = server.endpoint
    async with BailianClient.open(endpoint, KEY) as client:
        with pytest.raises(Unavailable):
            await BailianKnowledgeBase(client, "Handbook", INDEX).search("q", 5)


async def test_calls_share_connections(server: ScriptedBailian, bailian: BailianKnowledgeBase) -> None:
    for _ in range(5):
        await bailian.search("q", 5)
    assert len(server.connections) == 1


async def test_a_connection_that_was_closed_meanwhile_costs_no_answer(
    server: ScriptedBailian, bailian: BailianKnowledgeBase
) -> None:
    server.replies = [Reply(), Reply(drop=True), Reply(nodes=[node("x", 1)])]
    assert list(itertools.chain(await bailian.search("q", 5), await bailian.search("q", 5)))
