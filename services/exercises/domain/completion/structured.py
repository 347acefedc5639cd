"""A structured completion: a model is asked for one JSON object and read no further than its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from services.common.values import TokenUsage
from services.exercises.domain.completion.json_object import JsonObjectScanner
from services.exercises.ports import ChatModel
from services.exercises.values.chat import ChatFinish, ChatRequest

_MAX_WAIT = 1.0
"""Seconds to wait for the count of tokens after the object closed; a model that goes on is stopped."""


@dataclass(frozen=True, slots=True)
class StructuredCompletion:
    """What a model answered to a request."""

    scanner: JsonObjectScanner
    model: str
    usage: TokenUsage
    """Zero where the model did not say it in time."""

    def value(self) -> dict[str, Any]:
        """Return the object.

        Raises:
            RefusedError: INVALID_JSON, the model wrote none.
        """
        return self.scanner.value()


async def complete(
    model: ChatModel, request: ChatRequest, on_token: Callable[[str], Awaitable[None]] | None = None
) -> StructuredCompletion:
    """Return a model's answer as far as its first JSON object; cancelling stops the model.

    Each text is handed to `on_token` as it comes. What the model raises is raised.
    """
    scanner = JsonObjectScanner()
    finish: ChatFinish | None = None
    async with model.stream(request) as pieces:
        async for piece in pieces:
            if isinstance(piece, ChatFinish):
                finish = piece
                break
            if on_token is not None and piece:
                await on_token(piece)
            if scanner.feed(piece):
                finish = await _finish_of(pieces)
                break
    if finish is None:
        return StructuredCompletion(scanner, request.model, TokenUsage())
    return StructuredCompletion(scanner, finish.model, finish.usage)


async def _finish_of(pieces: AsyncIterator[str | ChatFinish]) -> ChatFinish | None:
    try:
        async with asyncio.timeout(_MAX_WAIT):
            async for piece in pieces:
                if isinstance(piece, ChatFinish):
                    return piece
    except TimeoutError:
        pass
    return None
