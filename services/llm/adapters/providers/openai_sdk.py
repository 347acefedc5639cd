"""Chat through the `openai` SDK, which sends as OpenAI's own clients do (ADR 0015)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import httpx2
import openai

from services.kit import tracing
from services.llm.adapters.providers.answers import FailedAnswerError
from services.llm.adapters.providers.early_answers import heed_early_answers
from services.llm.adapters.providers.openai_chat import OpenAiChat
from services.llm.domain import faults


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
        heed_early_answers(wire)
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
        limits = openai.Timeout(timeout, connect=min(timeout, self._connect_timeout))
        model, messages, rest = body["model"], body["messages"], {**body}
        del rest["model"], rest["messages"]
        asked = self._client.chat.completions.with_streaming_response.create(
            model=model,
            messages=messages,
            extra_body=rest,
            extra_headers={"traceparent": tracing.traceparent()} if tracing.on() else None,
            timeout=limits,
        )
        try:
            async with asyncio.timeout_at(deadline):
                response = await asked.__aenter__()
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
