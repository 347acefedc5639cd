"""What every embedder of the docs service promises: the fake, and the llm service over a real channel."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.docs.adapters.clients.fake import FakeEmbedder
from services.docs.adapters.clients.llm import RETRIED, LlmEmbedder
from services.docs.ports import Embedder
from services.kit import context
from services.kit.channels import Channel, open_channel
from services.kit.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted, TikuError, Unavailable
from services.kit.server import App, Registration, running
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc


class Llm(llm_pb2_grpc.LlmServiceServicer):
    """Embeds a text as bytes of its hash, and fails or waits as it is told."""

    def __init__(self) -> None:
        self.requests: list[llm_pb2.EmbedRequest] = []
        self.users: list[str] = []
        self.faults: list[TikuError] = []
        self.waits = False
        self.waiting, self.cancelled = asyncio.Event(), asyncio.Event()

    async def Embed(self, request: llm_pb2.EmbedRequest, _: Any) -> llm_pb2.EmbedResponse:  # noqa: N802
        self.requests.append(request)
        self.users.append(context.current().user_id)
        if self.faults:
            raise self.faults.pop(0)
        if self.waits:
            try:
                self.waiting.set()
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        vectors = [llm_pb2.Embedding(values=hashlib.sha256(text.encode()).digest()) for text in request.texts]
        return llm_pb2.EmbedResponse(embeddings=vectors, dimension=32, model=request.model or "default")


@pytest.fixture
async def llm() -> Llm:
    return Llm()


@pytest.fixture
async def channel(llm: Llm) -> AsyncIterator[Channel]:
    add = llm_pb2_grpc.add_LlmServiceServicer_to_server
    app = App("llm", [Registration(add, llm, "tiku.llm.v1.LlmService")])
    async with running(app, "127.0.0.1:0") as server, open_channel(server.address, retry=RETRIED) as channel:
        yield channel


@pytest.fixture(params=["fake", "llm"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return FakeEmbedder() if request.param == "fake" else LlmEmbedder(request.getfixturevalue("channel"))


async def test_vectors_are_in_the_order_of_their_texts(embedder: Embedder) -> None:
    texts = ["光合作用", "photosynthesis", "题库 🙂"]
    forward, backward = await embedder.embed(texts), await embedder.embed(texts[::-1])
    assert [list(vector) for vector in forward.vectors] == [list(vector) for vector in backward.vectors][::-1]
    assert len({tuple(vector) for vector in forward.vectors}) == 3
    assert forward.model == backward.model != ""


@pytest.mark.parametrize("count", [1, 16, 1024])
async def test_each_text_gets_one_vector_of_one_dimension(embedder: Embedder, count: int) -> None:
    found = await embedder.embed([f"第{number}段 of a long chapter" * 20 for number in range(count)])
    assert len(found.vectors) == count
    assert len({len(vector) for vector in found.vectors}) == 1


async def test_texts_are_embedded_as_passages_by_the_model_that_is_named(llm: Llm, channel: Channel) -> None:
    assert (await LlmEmbedder(channel, model="m").embed(["words"])).model == "m"
    assert (llm.requests[0].kind, llm.requests[0].model) == (llm_pb2.EMBED_KIND_PASSAGE, "m")
    token = context.enter(context.RequestContext(user_id="alice"))
    try:
        assert (await LlmEmbedder(channel).embed(["words"])).model == "default"
    finally:
        context.leave(token)
    assert llm.users[1] == "alice"


@pytest.mark.parametrize(
    "error",
    [
        InvalidArgument("No such model.", reason="NO_MODEL", metadata={"model": "m"}),
        ResourceExhausted("The queue is full.", reason="QUEUE_FULL", retry_after=5.0),
    ],
)
async def test_an_error_arrives_with_its_reason(llm: Llm, channel: Channel, error: TikuError) -> None:
    llm.faults = [error]
    with pytest.raises(type(error)) as caught:
        await LlmEmbedder(channel).embed(["words"])
    found = caught.value
    assert (found.reason, found.message, found.metadata) == (error.reason, error.message, error.metadata)
    assert found.retry_after == error.retry_after
    assert len(llm.requests) == 1


async def test_a_service_that_is_unavailable_for_a_moment_is_asked_again(llm: Llm, channel: Channel) -> None:
    llm.faults = [Unavailable("The model is loading."), Unavailable("The model is loading.")]
    assert len((await LlmEmbedder(channel).embed(["words"])).vectors) == 1
    assert len(llm.requests) == 3


async def test_a_call_ends_at_its_own_deadline_or_the_requests(llm: Llm, channel: Channel) -> None:
    llm.waits = True
    with pytest.raises(DeadlineExceeded):
        await LlmEmbedder(channel, timeout=0.2).embed(["words"])
    deadline = asyncio.get_running_loop().time() + 0.2
    token = context.enter(context.RequestContext(deadline=deadline))
    try:
        with pytest.raises(DeadlineExceeded):
            await LlmEmbedder(channel, timeout=60).embed(["words"])
    finally:
        context.leave(token)


async def test_a_cancelled_call_is_cancelled_in_the_service(llm: Llm, channel: Channel) -> None:
    llm.waits = True
    call = asyncio.ensure_future(LlmEmbedder(channel).embed(["words"]))
    await asyncio.wait_for(llm.waiting.wait(), 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(llm.cancelled.wait(), 10)
