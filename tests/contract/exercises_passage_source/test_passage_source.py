"""What every source of passages owes the domain: documents in memory, and the retrieval service over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from services.exercises.adapters.clients.fake import FakePassageSource
from services.exercises.adapters.clients.retrieval import RETRIED, RetrievalPassageSource
from services.exercises.ports import PassageSource
from services.exercises.values.question import Passage
from services.kit import context
from services.kit.channels import open_channel
from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.server import App, Registration, running
from tests.waiting import at_once, eventually
from tiku.retrieval.v1 import retrieval_pb2, retrieval_pb2_grpc

ONE, TWO, ABSENT = (f"01890000-0000-7000-8000-00000000000{letter}" for letter in "abc")


def passage(document_id: str, number: int, text: str) -> Passage:
    return Passage(
        text=text,
        start=number * 100,
        page=number + 1,
        document_id=document_id,
        document_name="生物.pdf",
        chunk_id=f"{document_id}-{number}",
        page_starts=(number * 100 + 5, number * 100 + 9),
        heading_path=("第一章", f"1.{number}"),
    )


DOCUMENTS = {
    ONE: [passage(ONE, number, f"Sentence {number}." + " leaf" * (number % 4)) for number in range(8)],
    TWO: [passage(TWO, 0, "Another document about a leaf.")],
}


class ScriptedRetrieval(retrieval_pb2_grpc.RetrievalServiceServicer):
    """Answers from documents in memory, as the contract says it."""

    def __init__(self, source: FakePassageSource) -> None:
        self._source = source
        self.ended = asyncio.Event()
        self.users: list[str] = []

    async def Retrieve(self, request: Any, _: Any) -> retrieval_pb2.RetrieveResponse:  # noqa: N802
        """Return passages as hits."""
        self.users.append(context.current().user_id)
        try:
            found = await self._source.passages(request.filter.document_ids, request.query, request.limit)
        finally:
            self.ended.set()
        hits = [
            retrieval_pb2.Hit(
                chunk=retrieval_pb2.Chunk(
                    chunk_id=own.chunk_id,
                    document_id=own.document_id,
                    document_name=own.document_name,
                    text=own.text,
                    page=own.page,
                    start=own.start,
                    end=own.start + len(own.text),
                    page_starts=own.page_starts,
                    heading_path=own.heading_path,
                )
            )
            for own in found
        ]
        return retrieval_pb2.RetrieveResponse(hits=hits)


@asynccontextmanager
async def _retrieval(servicer: ScriptedRetrieval, *, timeout: float) -> AsyncIterator[RetrievalPassageSource]:
    app = App(
        name="retrieval",
        registrations=[
            Registration(
                retrieval_pb2_grpc.add_RetrievalServiceServicer_to_server,
                servicer,
                "tiku.retrieval.v1.RetrievalService",
            )
        ],
    )
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(app, "127.0.0.1:0"))
        channel = await stack.enter_async_context(open_channel(server.address, retry=RETRIED))
        yield RetrievalPassageSource(channel, timeout)


Open = Callable[..., AbstractAsyncContextManager[PassageSource]]


@pytest.fixture(params=["fake", "retrieval"])
def opening(request: pytest.FixtureRequest) -> Open:
    """Open a source of one kind over DOCUMENTS."""

    @asynccontextmanager
    async def opened(*, pause: float = 0.0, timeout: float = 10.0) -> AsyncIterator[PassageSource]:
        if request.param == "fake":
            yield FakePassageSource(DOCUMENTS, pause=pause, timeout=timeout)
            return
        async with _retrieval(ScriptedRetrieval(FakePassageSource(DOCUMENTS, pause=pause)), timeout=timeout) as source:
            yield source

    return opened


async def test_a_passage_comes_with_all_that_is_known_of_it(opening: Open) -> None:
    async with opening() as source:
        assert await source.passages([TWO], "", 5) == DOCUMENTS[TWO]


async def test_passages_about_a_topic_come_best_first_and_no_more_than_wanted(opening: Open) -> None:
    async with opening() as source:
        found = await source.passages([ONE], "leaf", 3)
    assert [own.text.count("leaf") for own in found] == [3, 3, 2]


async def test_without_a_topic_they_are_spread_in_reading_order(opening: Open) -> None:
    async with opening() as source:
        assert await source.passages([ONE], "", 100) == DOCUMENTS[ONE]
        some = await source.passages([ONE], "", 4)
    assert 1 < len(some) <= 4
    assert [own.start for own in some] == sorted(own.start for own in some)
    assert some[-1].start > 400


async def test_only_the_named_documents_are_read_and_one_that_is_not_there_has_none(opening: Open) -> None:
    async with opening() as source:
        assert {own.document_id for own in await source.passages([ONE, TWO], "", 100)} == {ONE, TWO}
        assert {own.document_id for own in await source.passages([TWO], "leaf", 100)} == {TWO}
        assert await source.passages([ABSENT], "", 100) == []


async def test_a_source_that_takes_too_long_is_left(opening: Open) -> None:
    async with opening(pause=5.0, timeout=0.2) as source:
        with pytest.raises(DeadlineExceeded):
            async with at_once(2):
                await source.passages([ONE], "", 5)


async def test_a_caller_that_leaves_does_not_wait(opening: Open) -> None:
    async with opening(pause=5.0) as source:
        reading = asyncio.create_task(source.passages([ONE], "", 5))
        await asyncio.sleep(0.2)
        async with at_once():
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading


async def test_over_grpc_the_user_travels_along_and_leaving_stops_the_service_within_100_ms() -> None:
    servicer = ScriptedRetrieval(FakePassageSource(DOCUMENTS, pause=5.0))
    async with _retrieval(servicer, timeout=10.0) as source:
        context.enter(context.RequestContext(user_id="bob"))
        reading = asyncio.create_task(source.passages([ONE], "", 5))
        await eventually(lambda: bool(servicer.users))
        async with at_once():
            reading.cancel()
            await servicer.ended.wait()
    assert servicer.users == ["bob"]


async def test_over_grpc_an_error_keeps_its_kind_and_reason() -> None:
    class Away(FakePassageSource):
        async def passages(self, *_: Any) -> list[Passage]:
            raise Unavailable("The index does not answer.", reason="INDEX_UNAVAILABLE")

    async with _retrieval(ScriptedRetrieval(Away({})), timeout=10.0) as source:
        with pytest.raises(Unavailable) as refused:
            await source.passages([ONE], "", 5)
    assert refused.value.reason == "INDEX_UNAVAILABLE"
