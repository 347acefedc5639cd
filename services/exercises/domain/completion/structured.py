"""Asking a model for one JSON object and reading no further than its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from services.exercises.domain.completion.json_object import JsonObjectScanner
from services.exercises.ports import ChatModel
from services.exercises.values.chat import ChatFinish, ChatRequest, TokenUsage

_MAX_WAIT = 1.0
"""Seconds to wait for the count of tokens after the object closed; a model that goes on is stopped."""


@dataclass(slots=True)
class Completion:
    """What came of a question to a model."""

    scanner: JsonObjectScanner
    model: str = ""
    usage: TokenUsage = field(default_factory=TokenUsage)

    def value(self) -> dict[str, Any]:
        """The object; RefusedError(INVALID_JSON) when the model wrote none."""
        return self.scanner.value()


async def complete(
    model: ChatModel, task: ChatRequest, on_text: Callable[[str], Awaitable[None]] | None = None
) -> Completion:
    """A model's answer as far as its first JSON object. Raises what the model raises; cancelling it stops the model."""
    reply = Completion(JsonObjectScanner(), model=task.model)
    async with model.stream(task) as pieces:
        async for piece in pieces:
            if isinstance(piece, ChatFinish):
                reply.model, reply.usage = piece.model, piece.usage
                break
            if on_text is not None and piece:
                await on_text(piece)
            if reply.scanner.feed(piece):
                end = await _end_of(pieces)
                if end is not None:
                    reply.model, reply.usage = end.model, end.usage
                break
    return reply


async def _end_of(pieces: AsyncIterator[str | ChatFinish]) -> ChatFinish | None:
    try:
        async with asyncio.timeout(_MAX_WAIT):
            async for piece in pieces:
                if isinstance(piece, ChatFinish):
                    return piece
    except TimeoutError:
        pass
    return None
