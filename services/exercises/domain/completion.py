"""A structured completion: a model is asked for one JSON object and read no further than its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

from services.common.model_failures import failure_of
from services.common.values import TokenUsage
from services.exercises.ports import ChatModel
from services.exercises.values.chat import ChatFinish, ChatRequest
from services.exercises.values.refusal import Refusal, RefusedError
from services.kit.errors import DeadlineExceeded
from services.kit.json_answers import JsonObjectScanner
from services.kit.thinking import ThinkingFilter, Written
from services.language.detection import LANGUAGES


class WrittenObject(JsonObjectScanner):
    """The object that a model writes."""

    def __init__(self) -> None:
        super().__init__()
        self.beside = ""
        """The beginning of what the model wrote before the object, or in its place."""
        self.finish = ChatFinish("", TokenUsage())
        """How the model ended."""

    def feed(self, text: str) -> bool:
        """Take the next piece, and return whether nothing more is needed."""
        if not self.length and len(self.beside) < _MOST_BESIDE:
            self.beside += text.partition("{")[0]
        return super().feed(text)

    def value(self) -> dict[str, Any]:
        """Return the object.

        Raises:
            RefusedError: there is none, or none that can be read; how the model ended says why, else the reason is
                INVALID_JSON.
        """
        end = self.finish
        try:
            if (end.truncated or end.refused) and not self.closed:
                raise ValueError("the object was cut")
            return super().value()
        except ValueError as error:
            failure = failure_of(
                refused=end.refused or (not self.length and declines(self.beside)),
                truncated=end.truncated,
                thought=end.thought,
                written=bool(self.length or self.beside.strip()),
            )
            raise RefusedError(Refusal(failure.reason)) from error


def declines(text: str) -> bool:
    """Return whether a text begins as a model does that will not do what it was asked."""
    return any(language.writing.declines.match(text.lstrip()) for language in LANGUAGES)


_MOST_BESIDE = 400
_LONG_BESIDE = 120
"""Characters before an object from which they may be thoughts, whose end is still to come."""


_MAX_WAIT_SECONDS = 1.0
"""Time to wait for the count of tokens after the object closed; a model that goes on is stopped."""


OnToken = Callable[[str], Awaitable[None]]
"""Takes each text as the model writes it."""


async def complete(
    model: ChatModel, request: ChatRequest, timeout: float, on_token: OnToken | None = None
) -> tuple[WrittenObject, ChatFinish]:
    """Return a model's answer as far as its first JSON object, and what it used; cancelling stops the model.

    What it thinks is no part of the answer. The tokens are zero where the model did not count them in time.

    Raises:
        TikuError: what the model raises, or DeadlineExceeded, reason MODEL_TOO_SLOW, after `timeout` seconds.
    """
    reading = _Reading(request.model, on_token)
    try:
        async with asyncio.timeout(timeout), model.stream(request) as pieces:
            await reading.read(pieces)
    except TimeoutError:
        raise DeadlineExceeded("The model took too long.", reason="MODEL_TOO_SLOW") from None
    return reading.written, reading.written.finish


class _Reading:
    """A model's answer as it comes."""

    def __init__(self, model: str, on_token: OnToken | None) -> None:
        self.written = WrittenObject()
        self.written.finish = ChatFinish(model, TokenUsage())
        self._on_token = on_token
        self._thinking = ThinkingFilter()

    async def read(self, pieces: AsyncIterator[str | ChatFinish]) -> None:
        """Read an object, and the end of the answer if it comes in time."""
        async for piece in pieces:
            if await self._take(piece):
                break
        if len(self.written.beside) >= _LONG_BESIDE:
            # Thoughts that a mark closes and none opened may hold an object, too.
            await self._read_rest(pieces)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MAX_WAIT_SECONDS):
                await self._read_rest(pieces)

    async def _read_rest(self, pieces: AsyncIterator[str | ChatFinish]) -> None:
        async for piece in pieces:
            if await self._take(piece) and isinstance(piece, ChatFinish):
                break

    async def _take(self, piece: str | ChatFinish) -> bool:
        """Take a piece, and return whether nothing more is needed."""
        if isinstance(piece, ChatFinish):
            await self._write(self._thinking.close())
            self.written.finish = replace(piece, thought=piece.thought or self._thinking.thought)
            return True
        return await self._write(self._thinking.feed(piece))

    async def _write(self, text: Written) -> bool:
        if text.anew:
            self.written = WrittenObject()
        if self._on_token is not None and text.text and not self.written.closed:
            await self._on_token(text.text)
        return self.written.feed(text.text)
