"""What a provider says before it has read a request, and what it says in part, reaches the caller as what it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest

from services.kit.errors import TikuError
from services.llm.adapters.providers.openai_chat import OpenAiChat
from services.llm.adapters.providers.openai_http import OpenAiHttpProvider
from services.llm.adapters.providers.openai_sdk import OpenAiSdkProvider
from services.llm.values.chat import ChatMessage, ChatRequest, Role

ADAPTERS: dict[str, type[OpenAiHttpProvider] | type[OpenAiSdkProvider]] = {
    "http": OpenAiHttpProvider,
    "sdk": OpenAiSdkProvider,
}
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
        provider = await stack.enter_async_context(ADAPTERS[name].open("scripted", url, "sk-test"))
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
        provider = await stack.enter_async_context(ADAPTERS[name].open("scripted", url, "sk-test"))
        error = await refusal(provider, SMALL, streamed=streamed)
    assert error.reason == reason
