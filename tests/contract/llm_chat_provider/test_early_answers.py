"""What a provider says before it has read a request, and what it says in part, reaches the caller as what it is."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import httpcore2
import httpx2
import pytest

from services.kit.errors import TikuError
from services.llm.adapters.providers.openai_chat import OpenAiChat
from services.llm.adapters.providers.openai_http import OpenAiHttpProvider
from services.llm.adapters.providers.sdk_connections import heed_connections
from services.llm.values.chat import ChatMessage, ChatRequest, Role
from tests.late import imported

ADAPTERS = ("http", "sdk")
LARGE = ChatRequest(model="m", messages=[ChatMessage(Role.USER, "word " * 2_000_000)])
SMALL = ChatRequest(model="m", messages=[ChatMessage(Role.USER, "Hi")])


@asynccontextmanager
async def answering(answer: bytes, then: str) -> AsyncIterator[str]:
    """Run a server that answers by the head of a request, reads nothing of its body, and gives its address."""
    ended = asyncio.Event()

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if then == "ends its side":
            writer.write_eof()
        if then != "closes":
            await ended.wait()
        writer.close()

    server = await asyncio.start_server(answers, "127.0.0.1", 0, limit=1024)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ended.set()


async def opened(name: str, url: str, stack: AsyncExitStack) -> OpenAiChat:
    """Open an adapter, for as long as a stack is open."""
    if name == "http":
        return await stack.enter_async_context(OpenAiHttpProvider.open("scripted", url, "sk-test"))
    sdk = await imported("services.llm.adapters.providers.openai_sdk")
    provider: OpenAiChat = await stack.enter_async_context(sdk.OpenAiSdkProvider.open("scripted", url, "sk-test"))
    return provider


async def refusal(provider: OpenAiChat, prompt: ChatRequest, *, streamed: bool) -> TikuError:
    """Return how a call fails."""
    with pytest.raises(TikuError) as caught:
        if streamed:
            async with aclosing(provider.stream(prompt, 20)) as events:
                async for _ in events:
                    pass
        else:
            await provider.complete(prompt, 20)
    return caught.value


def head(status: int, length: int, *more: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Refused", f"Content-Length: {length}", *more, "", ""]).encode()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("then", ["closes", "ends its side", "keeps the connection"])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (head(413, 8, "Connection: close") + b"too much", "CONTEXT_TOO_LONG"),
        (head(429, 2, "Retry-After: 7") + b"{}", "PROVIDER_RATE_LIMITED"),
        (head(401, 2) + b"no", "PROVIDER_UNAUTHENTICATED"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + head(503, 4) + b"busy", "PROVIDER_UNAVAILABLE"),
    ],
    ids=["too large", "too many", "no key", "an announcement before"],
)
@pytest.mark.parametrize("name", ADAPTERS)
async def test_a_refusal_by_the_head_alone_is_told(
    name: str, answer: bytes, reason: str, then: str, streamed: bool
) -> None:
    if then == "keeps the connection" and answer.startswith(b"HTTP/1.1 100"):
        pytest.skip("a provider that announced an answer and keeps the connection may read the rest")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(answering(answer, then))
        provider = await opened(name, url, stack)
        error = await refusal(provider, LARGE, streamed=streamed)
    assert error.reason == reason
    if reason == "PROVIDER_RATE_LIMITED":
        assert error.retry_after == 7.0


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("status", "reason"),
    [(429, "PROVIDER_RATE_LIMITED"), (402, "PROVIDER_OUT_OF_CREDIT"), (401, "PROVIDER_UNAUTHENTICATED")],
)
@pytest.mark.parametrize("name", ADAPTERS)
async def test_a_refusal_whose_words_are_cut_is_told_by_its_status(
    name: str, status: int, reason: str, streamed: bool
) -> None:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(answering(head(status, 99, "Retry-After: 7") + b'{"error"', "closes"))
        provider = await opened(name, url, stack)
        error = await refusal(provider, SMALL, streamed=streamed)
    assert error.reason == reason


ANNOUNCED = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
ANSWERED = b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Wire(httpcore2.AsyncNetworkStream, httpcore2.AsyncNetworkBackend):
    """A connection that takes no more than a head before the first pieces came, and none of the rest if they answer."""

    def __init__(self, pieces: list[bytes], *, answered: bool) -> None:
        self._pieces = pieces
        self._answered = answered
        self._read_all = asyncio.Event()
        self._has_body = asyncio.Event()
        self.sent = b""

    async def connect_tcp(self, *_: Any) -> httpcore2.AsyncNetworkStream:
        return self

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self.sent:
            await self._read_all.wait()
            if self._answered:
                await asyncio.Event().wait()
        self.sent += buffer
        if self.sent.endswith(b"the body"):
            self._has_body.set()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        await asyncio.sleep(0)
        if self._pieces:
            return self._pieces.pop(0)
        self._read_all.set()
        await self._has_body.wait()
        self._has_body.clear()
        return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    async def aclose(self) -> None:
        pass

    def get_extra_info(self, info: str) -> Any:
        return None


@pytest.mark.parametrize("cuts", [(1,), (9,), (10,), (12, 24), (28, 36), (60,), range(1, 70)], ids=str)
@pytest.mark.parametrize(("told", "status"), [(ANNOUNCED, 200), (ANNOUNCED + ANSWERED, 413), (ANSWERED, 413)])
async def test_what_comes_in_pieces_is_an_answer_or_none(told: bytes, status: int, cuts: Sequence[int]) -> None:
    ends = [cut for cut in cuts if cut < len(told)]
    pieces = [told[begin:end] for begin, end in itertools.pairwise((0, *ends, len(told)))]
    wire = Wire(pieces, answered=status != 200)
    pool = httpcore2.AsyncConnectionPool(network_backend=wire)
    client = httpx2.AsyncClient()
    await client._transport.aclose()
    client._transport._pool = pool  # type: ignore[attr-defined]
    heed_connections(client)
    async with asyncio.timeout(5), client:
        assert (await client.post("http://provider.example", content=b"the body")).status_code == status
    assert wire.sent.endswith(b"the body") is (status == 200)
