from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.kit import context
from services.kit.concurrency import give_way
from services.kit.errors import DataLoss, DeadlineExceeded, InvalidArgument, TikuError, Unavailable
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.domain.search.hybrid import HybridRetriever
from services.retrieval.ports import Leg, Reranker
from services.retrieval.values.chunk import EmbeddedChunk, Filter, Hit, LegHit, LegQuery
from tests.unit.retrieval.fakes import FakeLeg, chunk, hit, query
from tests.waiting import turns

OTHER = "00000000-0000-7000-8000-000000000002"


class Reverse:
    """Reranks by turning the order round."""

    def __init__(self, error: Exception | None = None, delay: float = 0.0) -> None:
        self._error = error
        self._delay = delay

    async def rerank(self, query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
        await asyncio.sleep(self._delay)
        if self._error is not None:
            raise self._error
        return [(i, float(i)) for i in reversed(range(len(texts)))]


def retriever(*legs: Leg, reranker: Reranker | None = None, leg_timeout: float = 0.2) -> HybridRetriever:
    return HybridRetriever(legs, FakeVectorStore(), reranker, leg_timeout=leg_timeout, rerank_timeout=0.2)


async def test_legs_run_at_the_same_time() -> None:
    together = asyncio.Barrier(3)

    class WaitingLeg(FakeLeg):
        async def find(self, query: LegQuery) -> list[Hit]:
            await together.wait()  # One after another, none of them would get past this.
            return await super().find(query)

    legs = [WaitingLeg(name, [hit(name, i)]) for i, name in enumerate("abc")]
    found = await retriever(*legs, leg_timeout=10).retrieve(query("q"))
    assert [report.leg for report in found.legs] == ["a", "b", "c"]
    assert len(found.hits) == 3


@pytest.mark.parametrize("error", [None, ValueError("a bug")])
async def test_indexing_gives_way_while_a_leg_is_asked_and_no_longer(error: Exception | None) -> None:
    class Watched(FakeLeg):
        async def find(self, query: LegQuery) -> list[Hit]:
            indexing = asyncio.create_task(give_way(60))
            await turns()
            waited.append((indexing, indexing.done()))
            return await super().find(query)

    waited: list[tuple[asyncio.Task[None], bool]] = []
    await retriever(FakeLeg("good", [hit("a")]), Watched("watched", error=error)).retrieve(query("q"))
    ((indexing, done),) = waited
    assert not done
    await indexing


@pytest.mark.parametrize(
    ("broken", "reason"), [(Unavailable("down", reason="DOWN"), "DOWN"), (ValueError("a bug"), "LEG_FAILED")]
)
async def test_a_broken_leg_costs_its_passages_only(broken: Exception, reason: str) -> None:
    found = await retriever(FakeLeg("good", [hit("a")]), FakeLeg("bad", error=broken)).retrieve(query("q"))
    assert [h.chunk.text for h in found.hits] == ["a"]
    assert [(report.leg, report.hit_count, report.reason) for report in found.legs] == [
        ("good", 1, ""),
        ("bad", 0, reason),
    ]


async def test_a_slow_leg_is_cancelled_and_reported() -> None:
    slow = FakeLeg("slow", [hit("b", 1)], delay=30)
    found = await retriever(FakeLeg("fast", [hit("a")]), slow, leg_timeout=0.05).retrieve(query("q"))
    fast, late = found.legs
    assert (fast.reason, late.reason) == ("", "LEG_TIMEOUT")
    assert fast.elapsed_ms < late.elapsed_ms
    assert slow.cancelled


async def test_a_leg_gets_a_share_of_what_is_left() -> None:
    slow = FakeLeg("slow", delay=30)
    clock = asyncio.get_running_loop().time  # The deadline's own clock, which stands still while the loop is held.
    began = clock()
    token = context.enter(context.RequestContext(deadline=began + 1))
    try:
        with pytest.raises(DeadlineExceeded):
            await retriever(slow, reranker=Reverse(), leg_timeout=20).retrieve(query("q"))
        assert 0.65 < clock() - began < 1
    finally:
        context.leave(token)


async def test_nothing_starts_when_the_time_is_spent() -> None:
    leg = FakeLeg("leg", [hit("a")])
    token = context.enter(context.RequestContext(deadline=asyncio.get_running_loop().time() - 1))
    try:
        with pytest.raises(DeadlineExceeded):
            await retriever(leg).retrieve(query("q"))
    finally:
        context.leave(token)
    assert leg.queries == []


async def test_when_the_only_leg_fails_its_error_is_the_answer() -> None:
    with pytest.raises(Unavailable, match="down"):
        await retriever(FakeLeg("a", error=Unavailable("down"))).retrieve(query("q"))


async def test_when_every_leg_fails_it_is_unavailable() -> None:
    legs = [FakeLeg("a", error=Unavailable("down")), FakeLeg("b", error=ValueError("bug"))]
    with pytest.raises(TikuError) as raised:
        await retriever(*legs).retrieve(query("q"))
    assert raised.value.reason == "RETRIEVAL_FAILED"


async def test_what_every_leg_says_is_the_answer() -> None:
    def unavailable() -> Unavailable:
        return Unavailable("down", reason="VECTOR_STORE_UNAVAILABLE")

    legs = [FakeLeg("a", error=unavailable()), FakeLeg("b", error=unavailable())]
    with pytest.raises(Unavailable) as raised:
        await retriever(*legs).retrieve(query("q"))
    assert raised.value.reason == "VECTOR_STORE_UNAVAILABLE"


@pytest.mark.parametrize("other", [Unavailable("down"), TimeoutError(), ValueError("bug")])
async def test_damage_is_said_whatever_the_other_legs_say(other: Exception) -> None:
    legs = [FakeLeg("a", error=other), FakeLeg("b", error=DataLoss("gone", reason="VECTOR_STORE_DAMAGED"))]
    with pytest.raises(DataLoss) as raised:
        await retriever(*legs).retrieve(query("q"))
    assert raised.value.reason == "VECTOR_STORE_DAMAGED"


async def test_cancelling_cancels_every_leg() -> None:
    legs = [FakeLeg(name, delay=30) for name in "ab"]
    task = asyncio.create_task(retriever(*legs, leg_timeout=60).retrieve(query("q")))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(leg.cancelled for leg in legs)


async def test_rerank_decides_the_order_among_more_candidates_than_asked() -> None:
    leg = FakeLeg("v", [hit(str(i), i) for i in range(20)])
    found = await retriever(leg, reranker=Reverse()).retrieve(query("q", limit=3))
    assert leg.queries[0].limit == 40
    assert [h.chunk.text for h in found.hits] == ["11", "10", "9"]
    assert found.hits[0].score == 11.0
    assert found.hits[0].similarity == 0.6
    assert found.hits[0].legs == (LegHit("v", 12, 0.6), LegHit("fused", 12, 0.6)), "the place before is told"


async def test_what_is_not_reranked_follows_in_its_order_with_no_higher_score() -> None:
    leg = FakeLeg("v", [hit(str(i), i, 0.9 - i / 10) for i in range(6)])
    few = HybridRetriever([leg], FakeVectorStore(), Reverse(), rerank_candidates=3)
    found = await few.retrieve(query("q", limit=5))
    assert [h.chunk.text for h in found.hits] == ["2", "1", "0", "3", "4"]
    scores = [h.score for h in found.hits]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("reranker", [Reverse(Unavailable("down")), Reverse(delay=30)])
async def test_without_rerank_the_fused_order_stands(reranker: Reranker) -> None:
    leg = FakeLeg("v", [hit(str(i), i) for i in range(5)])
    found = await retriever(leg, reranker=reranker).retrieve(query("q", limit=2))
    assert [h.chunk.text for h in found.hits] == ["0", "1"]
    assert [(report.leg, bool(report.reason)) for report in found.legs] == [("v", False), ("rerank", True)]


async def test_a_blank_query_reads_the_documents_evenly_in_order() -> None:
    store = FakeVectorStore()
    for document, count in ((chunk("x").document_id, 30), (OTHER, 10)):
        chunks = [EmbeddedChunk(chunk(f"t{i}", i, document), [1.0]) for i in range(count)]
        await store.upsert("m", "alice", chunks)
    leg = FakeLeg("v", [hit("a")])
    found = await HybridRetriever([leg], store).retrieve(query(" \n", 4, (OTHER, chunk("x").document_id)))
    assert [(h.chunk.document_id, h.chunk.ordinal) for h in found.hits] == [
        (OTHER, 5),
        (chunk("x").document_id, 5),
        (chunk("x").document_id, 15),
        (chunk("x").document_id, 25),
    ]
    assert [(report.leg, report.hit_count) for report in found.legs] == [("spread", 4)]
    assert leg.queries == []


async def test_a_blank_query_reads_the_pages_asked_for() -> None:
    store = FakeVectorStore()
    await store.upsert("m", "alice", [EmbeddedChunk(chunk(f"t{i}", i), [1.0]) for i in range(30)])
    where = Filter(min_page=11, max_page=20)
    found = await HybridRetriever([], store).retrieve(query("", 2, (chunk("x").document_id,), where))
    assert [hit.chunk.page for hit in found.hits] == [13, 18]


async def test_a_blank_query_needs_documents() -> None:
    with pytest.raises(InvalidArgument) as raised:
        await retriever(FakeLeg("v")).retrieve(query(""))
    assert raised.value.violations[0].field == "filter.document_ids"


async def test_a_query_of_punctuation_is_refused_with_documents_and_without() -> None:
    for documents in ((), (chunk("x").document_id,)):
        with pytest.raises(InvalidArgument) as raised:
            await retriever(FakeLeg("v")).retrieve(query("?!", 2, documents))
        assert raised.value.violations[0].field == "query"


async def test_nothing_found_is_no_error() -> None:
    found = await retriever(FakeLeg("v"), reranker=Reverse()).retrieve(query("q"))
    assert not found.hits
    assert [(report.leg, report.hit_count, report.reason) for report in found.legs] == [("v", 0, "")]
