"""Chat over OpenAI's HTTP API with aiohttp, for the hot path.

The openai SDK costs about ten times the CPU of this a call and builds a validated object graph a token; see
`openai_sdk`, which stays the reference of behavior: both pass one contract suite.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import aiohttp
import msgspec

from services.common.values import TokenUsage
from services.kit.sse import EventDecoder, EventTooLongError
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.providers.wire import WireChat, decode_chat, encode_chat, error_status
from services.llm.domain import faults
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, FinishReason, TextDelta

_PATH = "/chat/completions"
_MAX_BODY_BYTES = 32 << 20
_MAX_EVENT_BYTES = 1 << 20
_DRAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class OpenAiHttpProvider:
    """A ChatProvider for any server that speaks OpenAI's chat API."""

    _client: ProviderClient

    async def complete(self, prompt: ChatRequest, timeout: float) -> Completion:
        """Return one whole answer within `timeout` seconds."""
        body = await self._client.post_for_body(
            _PATH, encode_chat(prompt, stream=False), prompt.model, timeout, _MAX_BODY_BYTES
        )
        chat = self._decode(body, prompt.model)
        if not chat.choices or chat.choices[0].message is None:
            raise faults.bad_response(self._client.name, "an answer without a message")
        choice = chat.choices[0]
        return Completion(
            text=chat.choices[0].message.content or "",
            reason=FinishReason.of(choice.finish_reason),
            usage=chat.usage.value() if chat.usage else None,
        )

    async def stream(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[TextDelta | ChatFinish, None]:
        """Yield deltas, then one `ChatFinish`, within `timeout` seconds."""
        reason: str | None = None
        usage: TokenUsage | None = None
        async with (
            self._client.post(_PATH, encode_chat(prompt, stream=True), prompt.model, timeout) as response,
            aclosing(self._events(response)) as events,
        ):
            async for event in events:
                if event == b"[DONE]":
                    await _drain(response)
                    break
                chat = self._decode(event, prompt.model)
                if chat.usage is not None:
                    usage = chat.usage.value()
                if not chat.choices:
                    continue
                choice = chat.choices[0]
                if choice.delta is not None and choice.delta.content:
                    yield TextDelta(choice.delta.content)
                if choice.finish_reason is not None:
                    reason = choice.finish_reason
            else:
                if reason is None:
                    raise faults.unavailable(self._client.name, "the stream ended before the answer did")
        yield ChatFinish(FinishReason.of(reason), usage)

    async def _events(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        """Yield the data of each event of a response."""
        decoder = EventDecoder(_MAX_EVENT_BYTES)
        try:
            async for chunk in response.content.iter_any():
                for event in decoder.feed(chunk):
                    yield event.data
            for event in decoder.close():
                yield event.data
        except EventTooLongError as error:
            raise faults.bad_response(self._client.name, error) from error

    def _decode(self, data: bytes, model: str) -> WireChat:
        try:
            chat = decode_chat(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise faults.bad_response(self._client.name, error) from error
        if chat.error:
            raise faults.from_status(self._client.name, model, error_status(chat.error), data)
        return chat


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read the few bytes after the last event, so that the connection can serve the next call."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in response.content.iter_any():
                pass
    except TimeoutError:
        response.close()
