"""A provider that closes a kept connection as a request comes: it is sent once more, unless it may have been read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress

import pytest

from services.kit.errors import TikuError
from services.llm.adapters.providers.openai_chat import OpenAiChat
from services.llm.adapters.providers.openai_http import OpenAiHttpProvider
from services.llm.values.chat import ChatMessage, ChatRequest, Role, TextDelta
from tests.fakes.raw_provider import dumped
from tests.late import imported

ASK = ChatRequest(model="m", messages=[ChatMessage(Role.USER, "Hi")])
HELLO = {"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}


class Closing:
    """A server that answers, and ends its first connection as the second request comes."""

    def __init__(self, then: str) -> None:
        self.then = then
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await self._answer(reader, writer)
        if self.connections > 1:
            await self._answer(reader, writer)
        elif self.then == "resets":
            await reader.read(1)
            writer.transport.abort()
        else:
            await reader.readuntil(b"\r\n\r\n")
            if self.then == "waits":
                await asyncio.sleep(1.1)
            elif self.then == "begins":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-")
                await writer.drain()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
            body = dumped(HELLO)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()


@asynccontextmanager
async def before(name: str, closing: Closing) -> AsyncIterator[OpenAiChat]:
    """Give an adapter before a server."""
    server = await asyncio.start_server(closing, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(server)
        if name == "http":
            yield await stack.enter_async_context(OpenAiHttpProvider.open("scripted", url, "sk-test"))
        else:
            sdk = await imported("services.llm.adapters.providers.openai_sdk")
            yield await stack.enter_async_context(sdk.OpenAiSdkProvider.open("scripted", url, "sk-test"))


async def said(provider: OpenAiChat, *, streamed: bool) -> str:
    """Return what a call is answered."""
    if not streamed:
        return (await provider.complete(ASK, 20)).text
    async with aclosing(provider.stream(ASK, 20)) as events:
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("then", ["closes", "resets"])
@pytest.mark.parametrize("name", ["http", "sdk"])
async def test_a_request_on_a_connection_that_had_been_closed_is_sent_once_more(
    name: str, then: str, streamed: bool
) -> None:
    closing = Closing(then)
    async with before(name, closing) as provider:
        assert [await said(provider, streamed=streamed) for _ in range(2)] == ["Hello", "Hello"]
    assert closing.connections == 2


@pytest.mark.parametrize("then", ["waits", "begins"])
@pytest.mark.parametrize("name", ["http", "sdk"])
async def test_a_request_that_may_have_been_read_is_not_sent_again(name: str, then: str) -> None:
    closing = Closing(then)
    async with before(name, closing) as provider:
        assert await said(provider, streamed=False) == "Hello"
        with pytest.raises(TikuError) as caught:
            await said(provider, streamed=False)
    assert (caught.value.reason, closing.connections) == ("PROVIDER_UNAVAILABLE", 1)
