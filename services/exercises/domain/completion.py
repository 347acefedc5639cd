"""A structured completion: a model is asked for one JSON object and read no further than its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from services.common.values import TokenUsage
from services.exercises.ports import ChatModel
from services.exercises.values.chat import ChatFinish, ChatRequest
from services.exercises.values.refusal import Refusal, RefusedError
from services.kit.errors import DeadlineExceeded

_OF_STRINGS = re.compile(r'["\\]')
_OF_STRUCTURE = re.compile(r'["{}\[\]]')
"""The characters of JSON that its objects' ends depend on, within its strings and outside of them."""


class JsonObjectScanner:
    """Finds the end of the first JSON object in a text; small models go on with blanks or a second object."""

    def __init__(self) -> None:
        self._object: list[str] = []
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.closed = False

    def feed(self, text: str) -> bool:
        """Take the next piece, and return whether the object is closed."""
        if self.closed or not text:
            return self.closed
        start = 0 if self._depth else text.find("{")
        if start < 0:
            return False
        position, end = start, len(text)
        if self._escaped:
            self._escaped = False
            position += 1
        while found := (_OF_STRINGS if self._in_string else _OF_STRUCTURE).search(text, position):
            position = found.end()
            match found[0]:
                case '"':
                    self._in_string = not self._in_string
                case "\\":
                    self._escaped = position == end
                    position += 1
                case "{" | "[":
                    self._depth += 1
                case _:
                    self._depth -= 1
                    if self._depth == 0:
                        self.closed, end = True, position
                        break
        self._object.append(text[start:end])
        return self.closed

    def value(self) -> dict[str, Any]:
        """Return the object, control characters in its strings included.

        Raises:
            RefusedError: it is not closed or not valid; reason INVALID_JSON.
        """
        if self.closed:
            try:
                value = json.loads("".join(self._object), strict=False)
            except ValueError:
                value = None
            if isinstance(value, dict):
                return value
        raise RefusedError(Refusal.INVALID_JSON)


_MAX_WAIT_SECONDS = 1.0
"""Time to wait for the count of tokens after the object closed; a model that goes on is stopped."""


OnToken = Callable[[str], Awaitable[None]]
"""Takes each text as the model writes it."""


async def complete(
    model: ChatModel, request: ChatRequest, timeout: float, on_token: OnToken | None = None
) -> tuple[JsonObjectScanner, ChatFinish]:
    """Return a model's answer as far as its first JSON object, and what it used; cancelling stops the model.

    The tokens are zero where the model did not count them in time.

    Raises:
        TikuError: what the model raises, or DeadlineExceeded, reason MODEL_TOO_SLOW, after `timeout` seconds.
    """
    scanner = JsonObjectScanner()
    try:
        async with asyncio.timeout(timeout), model.stream(request) as pieces:
            finish = await _read(pieces, scanner, on_token)
    except TimeoutError:
        raise DeadlineExceeded("The model took too long.", reason="MODEL_TOO_SLOW") from None
    return scanner, finish or ChatFinish(request.model, TokenUsage())


async def _read(
    pieces: AsyncIterator[str | ChatFinish], scanner: JsonObjectScanner, on_token: OnToken | None
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
