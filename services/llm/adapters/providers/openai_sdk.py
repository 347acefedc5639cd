"""Chat through the `openai` SDK, which sends as OpenAI's own clients do (ADR 0015)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import httpx2
import openai

from services.kit import tracing
from services.llm.adapters.providers.answers import FailedAnswerError
from services.llm.adapters.providers.openai_chat import OpenAiChat
from services.llm.adapters.providers.sdk_connections import heed_connections, was_dropped
from services.llm.domain import faults

_Response = openai.AsyncAPIResponse[Any]
_Asked = AbstractAsyncContextManager[_Response]


class OpenAiSdkProvider(OpenAiChat):
    """A ChatProvider over AsyncOpenAI, whose own retries are off."""

    def __init__(self, name: str, client: openai.AsyncOpenAI, connect_timeout: float) -> None:
        super().__init__(name)
        self._client = client
        self._connect_timeout = connect_timeout

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, base_url: str, api_key: str, connect_timeout: float = 5.0) -> AsyncIterator[Self]:
        """Open a provider; its connections close with the block."""
        # The SDK reads certificates from the disk. It refuses to start without a key; servers that need none ignore
        # what they get. The router retries: it knows the deadline and what has been sent to the client. A redirect
        # would carry the key to whoever the answer names.
        # A query of the address, such as Azure's `api-version`, is joined to no path by it: it goes with each request.
        url = urlsplit(base_url)
        wire = await asyncio.to_thread(
            lambda: openai.DefaultAsyncHttpxClient(follow_redirects=False, verify=_certificates())
        )
        heed_connections(wire)
        client = openai.AsyncOpenAI(
            base_url=url._replace(query="").geturl(),
            default_query=dict(parse_qsl(url.query, keep_blank_values=True)),
            api_key=api_key or "none",
            max_retries=0,
            http_client=wire,
        )
        async with client:
            yield cls(name, client, connect_timeout)

    @asynccontextmanager
    async def _post(self, body: dict[str, Any], timeout: float) -> AsyncIterator[AsyncIterator[bytes]]:
        deadline = asyncio.get_running_loop().time() + timeout
        try:
            asked, response = await self._asked(body, timeout, deadline)
            try:
                yield _pieces(response.iter_bytes(), deadline)
            finally:
                await asked.__aexit__(None, None, None)
        except openai.APIStatusError as error:
            raise FailedAnswerError(error.status_code, error.response.content, error.response.headers) from error
        except httpx2.HTTPError as error:
            raise _failure(self._name, error) from error
        except (openai.APITimeoutError, TimeoutError) as error:
            raise faults.timed_out(self._name) from error
        except (openai.APIConnectionError, OSError) as error:
            raise faults.unavailable(self._name, error) from error

    async def _asked(self, body: dict[str, Any], timeout: float, deadline: float) -> tuple[_Asked, _Response]:
        """Send a request, once more where its kept connection had been closed; what was asked has to be closed."""
        try:
            return await self._sent(body, timeout, deadline)
        except openai.APIConnectionError as error:
            if not was_dropped(error):
                raise
        return await self._sent(body, timeout, deadline)

    async def _sent(self, body: dict[str, Any], timeout: float, deadline: float) -> tuple[_Asked, _Response]:
        asked = self._client.chat.completions.with_streaming_response.create(
            model=body["model"],
            messages=body["messages"],
            extra_body={name: value for name, value in body.items() if name not in ("model", "messages")},
            extra_headers={"traceparent": tracing.traceparent()} if tracing.on() else None,
            timeout=openai.Timeout(timeout, connect=min(timeout, self._connect_timeout)),
        )
        async with asyncio.timeout_at(deadline):
            return asked, await asked.__aenter__()


def _failure(provider: str, error: httpx2.HTTPError) -> Exception:
    """Return what is raised for an answer that could not be read: the failure that its status told, where it did."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, httpx2.HTTPStatusError):
            return FailedAnswerError(behind.response.status_code, b"", behind.response.headers)
        behind = behind.__context__
    if isinstance(error, httpx2.TimeoutException):
        return faults.timed_out(provider)
    if isinstance(error, httpx2.DecodingError):
        return faults.bad_response(provider, error)
    return faults.unavailable(provider, error)


async def _pieces(pieces: AsyncIterator[bytes], deadline: float) -> AsyncIterator[bytes]:
    """Yield the pieces of a body that come before an instant on the loop's clock."""
    while True:
        # Around each read alone: a timeout around the yield would cancel whoever consumes.
        async with asyncio.timeout_at(deadline):
            piece = await anext(pieces, None)
        if piece is None:
            return
        yield piece


@cache
def _certificates() -> ssl.SSLContext:
    """Return what the SDK trusts by default; to read it takes 60 ms, and all providers share it."""
    return httpx2.create_ssl_context()
