from __future__ import annotations

import asyncio

import pytest

from services.kit.errors import ResourceExhausted
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.domain.search.bounded import BoundedLeg
from services.retrieval.domain.search.hybrid import HybridRetriever
from services.retrieval.values.chunk import Hit, LegQuery
from tests.unit.retrieval.fakes import FakeLeg, hit, query

HITS = [hit("a")]


class HeldLeg(FakeLeg):
    """A leg that answers when it is let go."""

    def __init__(self, error: BaseException | None = None) -> None:
        super().__init__("held", HITS, error)
        self.go_on = asyncio.Event()
        self.under_way = 0
        self.most = 0

    async def find(self, query: LegQuery) -> list[Hit]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.go_on.wait()
            return await super().find(query)
        finally:
            self.under_way -= 1


@pytest.mark.parametrize("at_once", [1, 3])
async def test_no_more_questions_than_allowed_are_asked_at_a_time(at_once: int) -> None:
    held = HeldLeg()
    bounded = BoundedLeg(held, at_once, patience_seconds=60)
    tasks = [asyncio.create_task(bounded.find(query(str(number)))) for number in range(7)]
    while held.under_way < at_once:  # noqa: ASYNC110
        await asyncio.sleep(0)
    held.go_on.set()
    assert await asyncio.gather(*tasks) == [HITS] * 7
    assert held.most == at_once


async def test_a_question_without_a_turn_is_refused_before_it_is_asked() -> None:
    held = HeldLeg()
    bounded = BoundedLeg(held, 1, patience_seconds=0.01)
    first = asyncio.create_task(bounded.find(query("first")))
    while not held.under_way:  # noqa: ASYNC110
        await asyncio.sleep(0)
    with pytest.raises(ResourceExhausted) as refused:
        await bounded.find(query("second"))
    assert refused.value.reason == "LEG_BUSY"
    held.go_on.set()
    assert await first == HITS
    assert await bounded.find(query("third")) == HITS
    assert [one.text for one in held.queries] == ["first", "third"]


@pytest.mark.parametrize("error", [ValueError("a bug"), None])
async def test_a_turn_ends_with_an_error_or_a_cancellation(error: Exception | None) -> None:
    held = HeldLeg(error)
    bounded = BoundedLeg(held, 1, patience_seconds=60)
    for _ in range(3):
        task = asyncio.create_task(bounded.find(query("q")))
        while not held.under_way:  # noqa: ASYNC110
            await asyncio.sleep(0)
        if error is None:
            task.cancel()
        else:
            held.go_on.set()
        await asyncio.wait([task])
        assert task.cancelled() == (error is None)


async def test_a_retrieval_without_a_turn_says_so_and_gives_what_the_others_find() -> None:
    held = HeldLeg()
    bounded = BoundedLeg(held, 1, patience_seconds=0.01)
    first = asyncio.create_task(bounded.find(query("first")))
    retriever = HybridRetriever([FakeLeg("vector", [hit("b", 1)]), bounded], FakeVectorStore())
    found = await retriever.retrieve(query("q"))
    assert [one.chunk.text for one in found.hits] == ["b"]
    assert [(leg.leg, leg.reason) for leg in found.legs] == [("vector", ""), ("held", "LEG_BUSY")]
    held.go_on.set()
    await first
