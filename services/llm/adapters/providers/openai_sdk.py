"""Chat through the `openai` SDK: the reference of behavior for every other adapter.

Costs about ten times the CPU of `openai_http` and imports a large package, so app.py loads it only where it is chosen.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import openai

from services.common.values import TokenUsage
from services.kit.errors import TikuError
from services.llm.adapters.providers.wire import encode_chat, error_status
from services.llm.domain import faults
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, FinishReason, TextDelta


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
            async with asyncio.timeout(timeout):
                answer = await self._client.chat.completions.create(
                    **encode_chat(prompt, stream=False), timeout=self._timeout(timeout)
                )
        except Exception as error:
            raise self._fault(prompt.model, error) from error
        choices = getattr(answer, "choices", None)
        if not choices or choices[0].message is None:
            raise faults.bad_response(self._name, "an answer without a message")
        return Completion(
            text=choices[0].message.content or "",
            reason=FinishReason.of(choices[0].finish_reason),
            usage=_usage(answer.usage),
        )

    async def stream(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[TextDelta | ChatFinish, None]:
        """Yield deltas, then one `ChatFinish`, within `timeout` seconds."""
        reason: str | None = None
        usage: TokenUsage | None = None
        deadline = asyncio.get_running_loop().time() + timeout
        chunks: Any = None
        try:
            async with asyncio.timeout_at(deadline):
                chunks = await self._client.chat.completions.create(
                    **encode_chat(prompt, stream=True), timeout=self._timeout(timeout)
                )
            iterator = aiter(chunks)
            while True:
                # Around each read alone: a timeout around the yield would cancel whoever consumes.
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(iterator, None)
                if chunk is None:
                    break
                if chunk.usage is not None:
                    usage = _usage(chunk.usage)
                if not chunk.choices:
                    continue
                choice = chunk.choices[0]
                if choice.delta is not None and choice.delta.content:
                    yield TextDelta(choice.delta.content)
                if choice.finish_reason is not None:
                    reason = choice.finish_reason
            if reason is None:
                raise faults.unavailable(self._name, "the stream ended before the answer did")
        except Exception as error:
            raise self._fault(prompt.model, error) from error
        finally:
            if chunks is not None:
                await chunks.close()
        yield ChatFinish(FinishReason.of(reason), usage)

    def _timeout(self, timeout: float) -> Any:
        return openai.Timeout(timeout, connect=min(timeout, self._connect_timeout))

    def _fault(self, model: str, error: Exception) -> TikuError:
        match error:
            case TikuError():
                return error
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
                return faults.from_status(self._name, model, error_status(error.body), body)
            case _:
                return faults.bad_response(self._name, repr(error))


def _usage(usage: Any) -> TokenUsage | None:
    return None if usage is None else TokenUsage(usage.prompt_tokens or 0, usage.completion_tokens or 0)
