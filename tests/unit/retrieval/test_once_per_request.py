from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from services.kit import context
from services.kit.errors import Unavailable
from services.retrieval.adapters.clients.fake import FakeEmbedder
from services.retrieval.domain.embedding.once import OncePerRequest
from services.retrieval.values.chunk import QueryEmbedding


class Held(FakeEmbedder):
    """An embedder that answers when it is let go, and counts what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.cancelled = 0
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def embed_query(self, text: str) -> QueryEmbedding:
        self.asked.append(text)
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return await super().embed_query(text)


@pytest.fixture
def request_id() -> Iterator[str]:
    """A request as the server's stages begin it."""
    token = context.enter(context.RequestContext(request_id="one"))
    yield "one"
    context.leave(token)


async def _waiting(held: Held, *tasks: asyncio.Task[QueryEmbedding]) -> None:
    """Return once all tasks wait for an embedding."""
    await held.begun.wait()
    for _ in tasks:
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


@pytest.mark.usefixtures("request_id")
async def test_a_request_embeds_its_question_once_at_the_same_time_and_later() -> None:
    held = Held()
    once = OncePerRequest(held)
    tasks = [asyncio.create_task(once.embed_query("q")) for _ in range(3)]
    await _waiting(held, *tasks)
    held.go.set()
    first, *others = await asyncio.gather(*tasks)
    assert all(other is first for other in [*others, await once.embed_query("q")])
    await once.embed_query("another question")
    assert held.asked == ["q", "another question"]


@pytest.mark.usefixtures("request_id")
async def test_who_gives_up_takes_nothing_from_the_others_and_the_last_one_ends_it() -> None:
    held = Held()
    once = OncePerRequest(held)
    first, second = (asyncio.create_task(once.embed_query("q")) for _ in range(2))
    await _waiting(held, first, second)
    first.cancel()
    await asyncio.wait([first])
    assert held.cancelled == 0
    second.cancel()
    await asyncio.wait([second])
    await asyncio.sleep(0)
    assert (held.asked, held.cancelled) == (["q"], 1)
    held.go.set()
    await once.embed_query("q")
    assert held.asked == ["q", "q"]


@pytest.mark.usefixtures("request_id")
async def test_a_failure_is_everybodys_and_is_not_kept() -> None:
    failing = FakeEmbedder(Unavailable("down"))
    once = OncePerRequest(failing)
    outcomes = await asyncio.gather(*(once.embed_query("q") for _ in range(2)), return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    failing._error = None
    assert (await once.embed_query("q")).model == "letters"


async def test_another_request_and_what_is_no_request_ask_again() -> None:
    held = Held()
    held.go.set()
    once = OncePerRequest(held)
    for request_id in ("one", "two", "", ""):
        token = context.enter(context.RequestContext(request_id=request_id))
        await once.embed_query("q")
        context.leave(token)
    assert held.asked == ["q"] * 4
    del token
    assert not once._requests, "what was kept is gone with its request"
    assert not once._requests
    assert await once.embed_passages(["a"], "letters") == await held.embed_passages(["a"], "letters")
