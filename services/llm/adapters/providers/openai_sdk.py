"""Chat through the `openai` SDK: the reference of behavior for every other adapter (ADR 0015)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import openai

from services.kit.errors import TikuError
from services.llm.adapters.providers import wire
from services.llm.domain import faults
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, TextDelta


@dataclass(frozen=True, slots=True)
class OpenAiSdkProvider:
    """A ChatProvider over AsyncOpenAI, whose own retries are off."""

    _name: str
    _client: openai.AsyncOpenAI
    _connect_timeout: float

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, base_url: str, api_key: str, connect_timeout: float = 5.0) -> AsyncIterator[Self]:
        """Open a provider; its connections close with the block."""
        # The SDK reads certificates from the disk. It refuses to start without a key; servers that need none ignore
        # what they get. The router retries: it knows the deadline and what has been sent to the client.
        client = await asyncio.to_thread(
            openai.AsyncOpenAI, base_url=base_url, api_key=api_key or "none", max_retries=0
        )
        async with client:
            yield cls(name, client, connect_timeout)

    async def complete(self, prompt: ChatRequest, timeout: float) -> Completion:
        """Return one whole answer within `timeout` seconds."""
        try:
            answer = await self._create(prompt, timeout, stream=False)
        except Exception as error:
            raise self._fault(prompt.model, error) from error
        return wire.completion_of(answer, self._name)

    def stream(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[TextDelta | ChatFinish, None]:
        """Yield deltas, then one `ChatFinish`, within `timeout` seconds."""
        return wire.events_of(self._chunks(prompt, timeout), self._name)

    async def _chunks(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[Any, None]:
        """Yield each part of a streamed answer."""
        deadline = asyncio.get_running_loop().time() + timeout
        chunks: Any = None
        try:
            chunks = await self._create(prompt, timeout, stream=True)
            iterator = aiter(chunks)
            while True:
                # Around each read alone: a timeout around the yield would cancel whoever consumes.
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(iterator, None)
                if chunk is None:
                    break
                yield chunk
        except Exception as error:
            raise self._fault(prompt.model, error) from error
        finally:
            if chunks is not None:
                await chunks.close()

    async def _create(self, prompt: ChatRequest, timeout: float, *, stream: bool) -> Any:
        limits = openai.Timeout(timeout, connect=min(timeout, self._connect_timeout))
        async with asyncio.timeout(timeout):
            return await self._client.chat.completions.create(**wire.encode_chat(prompt, stream=stream), timeout=limits)

    def _fault(self, model: str, error: Exception) -> TikuError:
        match error:
            case openai.APITimeoutError() | TimeoutError():
                return faults.timed_out(self._name)
            case openai.APIStatusError():
                return faults.from_status(
                    self._name, model, error.status_code, error.response.content, error.response.headers
                )
            case openai.APIConnectionError():
                return faults.unavailable(self._name, error)
            case openai.APIError() if error.body is not None:
                # An error object inside a stream that began well.
                body = json.dumps(error.body, default=str).encode()
                return faults.from_status(self._name, model, wire.error_status(error.body), body)
            case _:
                return faults.bad_response(self._name, repr(error))
