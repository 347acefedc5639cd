"""A service that goes and comes back, as its callers see it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import grpc
import pytest

from services.kit import context
from services.kit.channels import Channel, open_channel
from services.kit.connection import MAX_WAIT_SECONDS
from services.kit.server import App, Registration, running
from services.kit.settings import ServiceSettings
from tests.waiting import at_once
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc

_CHAT = llm_pb2.ChatRequest(messages=[llm_pb2.ChatMessage(role=llm_pb2.ROLE_USER, content="hi")])
_STREAM = llm_pb2.StreamChatRequest(messages=_CHAT.messages)


class _Llm(llm_pb2_grpc.LlmServiceServicer):
    """Says its name; a stream says it until `enough`."""

    def __init__(self, name: str = "first") -> None:
        self.name = name
        self.enough = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def Chat(self, request: Any, context_: Any) -> Any:  # noqa: N802 - the contract's name
        text = f"{self.name} to {context.current().user_id}"
        return llm_pb2.ChatResponse(message=llm_pb2.ChatMessage(content=text))

    async def StreamChat(self, request: Any, context_: Any) -> Any:  # noqa: N802 - the contract's name
        try:
            yield llm_pb2.StreamChatResponse(delta=llm_pb2.ChatDelta(text=self.name))
            await self.enough.wait()
            yield llm_pb2.StreamChatResponse(delta=llm_pb2.ChatDelta(text="end"))
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


def _serving(llm: _Llm, address: str, **settings: Any) -> Any:
    registration = Registration(llm_pb2_grpc.add_LlmServiceServicer_to_server, llm, "tiku.llm.v1.LlmService")
    return running(App("test", [registration]), address, ServiceSettings(**settings))


@pytest.fixture
def address() -> str:
    """Where nothing listens yet."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{held.getsockname()[1]}"


async def _lose(channel: Channel, seconds: float = 0.0) -> None:
    """Has the channel fail, and go on failing for some seconds, with which gRPC's pause between attempts grows."""
    async with asyncio.timeout(10):
        while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            await channel.wait_for_state_change(state)
    await asyncio.sleep(seconds)


async def test_who_calls_first_after_a_service_is_back_is_not_refused(address: str) -> None:
    # What gRPC waits by itself is drawn at random: without a fresh channel most of these calls were refused.
    async with open_channel(address) as one, open_channel(address) as other:
        await asyncio.gather(_lose(one, 2.5), _lose(other, 2.5))
        async with _serving(_Llm(), address):
            answers = await asyncio.gather(*(llm_pb2_grpc.LlmServiceStub(c).Chat(_CHAT) for c in (one, other)))
    assert [answer.message.content for answer in answers] == ["first to dev"] * 2


async def test_a_call_that_waits_keeps_its_user_and_its_deadline(address: str) -> None:
    async with open_channel(address) as channel:
        await _lose(channel)
        token = context.enter(context.RequestContext("request", "0" * 31 + "1", "mei"))
        try:
            call = llm_pb2_grpc.LlmServiceStub(channel).Chat(_CHAT)
        finally:
            context.leave(token)
        await asyncio.sleep(0.3)
        async with _serving(_Llm(), address):
            assert (await call).message.content == "first to mei"
        await _lose(channel)
        async with at_once(MAX_WAIT_SECONDS):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await llm_pb2_grpc.LlmServiceStub(channel).Chat(_CHAT, timeout=0.3)
    assert caught.value.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)


async def test_a_service_that_stays_away_is_unavailable_after_a_moment(address: str) -> None:
    async with open_channel(address) as channel:
        await _lose(channel)
        began = asyncio.get_running_loop().time()
        stub = llm_pb2_grpc.LlmServiceStub(channel)
        async with at_once(MAX_WAIT_SECONDS + 1):
            results = await asyncio.gather(*(stub.Chat(_CHAT) for _ in range(20)), return_exceptions=True)
        took = asyncio.get_running_loop().time() - began
    assert {getattr(result, "code", str)() for result in results} == {grpc.StatusCode.UNAVAILABLE}
    assert took >= MAX_WAIT_SECONDS


async def test_a_stream_that_waited_is_iterated_read_and_cancelled(address: str) -> None:
    llm = _Llm()
    async with open_channel(address) as channel:
        await _lose(channel)
        stub: Any = llm_pb2_grpc.LlmServiceStub(channel)
        iterated, read, early = (stub.StreamChat(_STREAM) for _ in range(3))
        early.cancel()
        with pytest.raises(asyncio.CancelledError):
            await early.read()
        async with _serving(llm, address):
            assert (await read.read()).delta.text == "first"
            read.cancel()
            await llm.cancelled.wait()
            llm.enough.set()
            assert [message.delta.text async for message in iterated] == ["first", "end"]


async def test_a_stream_on_a_stopping_server_outlives_the_new_connection(address: str) -> None:
    old, new = _Llm("old"), _Llm("new")
    async with open_channel(address) as channel, asyncio.timeout(20):
        stub: Any = llm_pb2_grpc.LlmServiceStub(channel)
        stopping = _serving(old, address, drain_seconds=15)
        await stopping.__aenter__()
        stream = stub.StreamChat(_STREAM)
        assert (await stream.read()).delta.text == "old"
        stopped = asyncio.create_task(stopping.__aexit__(None, None, None))
        await _lose(channel)
        async with _serving(new, address):
            assert (await stub.Chat(_CHAT)).message.content == "new to dev"
            old.enough.set()
            assert (await stream.read()).delta.text == "end"
        await stopped
