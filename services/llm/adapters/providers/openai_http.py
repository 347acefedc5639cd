"""Chat over OpenAI's HTTP API with aiohttp, for the hot path (ADR 0015)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import aiohttp
import msgspec

from services.kit.sse import EventDecoder, EventTooLongError
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.providers import wire
from services.llm.domain import faults
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, TextDelta

_PATH = "/chat/completions"
_MAX_BODY_BYTES = 32 << 20
_MAX_EVENT_BYTES = 1 << 20
_DRAIN_SECONDS = 0.05
_DONE = wire.WireChat(choices=[wire.WireChoice(finish_reason="")])
"""What the `[DONE]` behind a stream says: the answer is whole, even where no event gave a reason."""


@dataclass(frozen=True, slots=True)
class OpenAiHttpProvider:
    """A ChatProvider for any server that speaks OpenAI's chat API."""

    _client: ProviderClient

    async def complete(self, prompt: ChatRequest, timeout: float) -> Completion:
        """Return one whole answer within `timeout` seconds."""
        body = wire.encode_chat(prompt, stream=False)
        chat = await self._client.post_for(_PATH, body, timeout, wire.decode_chat, _MAX_BODY_BYTES)
        self._raise_error_in(chat, prompt.model)
        return wire.completion_of(chat, self._client.name)

    def stream(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[TextDelta | ChatFinish, None]:
        """Yield deltas, then one `ChatFinish`, within `timeout` seconds."""
        return wire.events_of(self._chats(prompt, timeout), self._client.name)

    async def _chats(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[wire.WireChat, None]:
        """Yield each part of a streamed answer."""
        async with (
            self._client.post(_PATH, wire.encode_chat(prompt, stream=True), timeout) as response,
            aclosing(self._events(response)) as events,
        ):
            async for event in events:
                if event == b"[DONE]":
                    await _drain(response)
                    yield _DONE
                    return
                chat = self._client.decoded(event, wire.decode_chat)
                self._raise_error_in(chat, prompt.model)
                yield chat

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

    def _raise_error_in(self, chat: wire.WireChat, model: str) -> None:
        if chat.error:
            body = msgspec.json.encode(chat.error)
            raise faults.from_status(self._client.name, model, wire.error_status(chat.error), body)


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read the few bytes after the last event, so that the connection can serve the next call."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in response.content.iter_any():
                pass
    except TimeoutError:
        response.close()
