"""A structured completion: a model is asked for one JSON object and read no further than its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from services.common.model_failures import failure_of
from services.common.values import TokenUsage
from services.exercises.ports import ChatModel
from services.exercises.values.chat import ChatFinish, ChatRequest
from services.exercises.values.refusal import Refusal, RefusedError
from services.kit.errors import DeadlineExceeded
from services.kit.json_answers import JsonObjectScanner


class WrittenObject(JsonObjectScanner):
    """The object that a model writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written = False
        """Whether the model wrote anything."""
        self.finish = ChatFinish("", TokenUsage())
        """How the model ended."""

    def feed(self, text: str) -> bool:
        """Take the next piece, and return whether the object is closed."""
        self.written = self.written or bool(text.strip())
        return super().feed(text)

    def value(self) -> dict[str, Any]:
        """Return the object.

        Raises:
            RefusedError: it is not closed or not valid; how the model ended says why, else the reason is INVALID_JSON.
        """
        try:
            return super().value()
        except ValueError as error:
            end = self.finish
            failure = failure_of(
                refused=end.refused, truncated=end.truncated, thought=end.thought, written=self.written
            )
            raise RefusedError(Refusal(failure.reason)) from error


_MAX_WAIT_SECONDS = 1.0
"""Time to wait for the count of tokens after the object closed; a model that goes on is stopped."""


OnToken = Callable[[str], Awaitable[None]]
"""Takes each text as the model writes it."""


async def complete(
    model: ChatModel, request: ChatRequest, timeout: float, on_token: OnToken | None = None
) -> tuple[WrittenObject, ChatFinish]:
    """Return a model's answer as far as its first JSON object, and what it used; cancelling stops the model.

    The tokens are zero where the model did not count them in time.

    Raises:
        TikuError: what the model raises, or DeadlineExceeded, reason MODEL_TOO_SLOW, after `timeout` seconds.
    """
    scanner = WrittenObject()
    try:
        async with asyncio.timeout(timeout), model.stream(request) as pieces:
            finish = await _read(pieces, scanner, on_token)
    except TimeoutError:
        raise DeadlineExceeded("The model took too long.", reason="MODEL_TOO_SLOW") from None
    scanner.finish = finish or ChatFinish(request.model, TokenUsage())
    return scanner, scanner.finish


async def _read(
    pieces: AsyncIterator[str | ChatFinish], scanner: WrittenObject, on_token: OnToken | None
) -> ChatFinish | None:
    """Feed the scanner until its object is closed, and return the end of the answer if it comes in time."""
    async for piece in pieces:
        if isinstance(piece, ChatFinish):
            return piece
        if on_token is not None and piece:
            await on_token(piece)
        if scanner.feed(piece):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_MAX_WAIT_SECONDS):
                    async for rest in pieces:
                        if isinstance(rest, ChatFinish):
                            return rest
            return None
    return None
