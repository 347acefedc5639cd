"""Reading the first JSON object of a text that comes in pieces."""

from __future__ import annotations

import json
import re
from typing import Any

from services.exercises.values.refusal import Refusal, RefusedError

_OF_STRINGS = re.compile(r'["\\]')
_OF_STRUCTURE = re.compile(r'["{}\[\]]')
"""The characters of JSON that its objects' ends depend on, within its strings and outside of them."""


class JsonObjectScanner:
    """Finds the end of the first JSON object in a text that comes in pieces.

    Small models go on with blanks or a second object after the first: reading stops where the object closes.
    """

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
        """Return the object; control characters in its strings are taken as they are.

        Raises:
            RefusedError: INVALID_JSON, the object never closed or is no valid JSON.
        """
        if self.closed:
            try:
                value = json.loads("".join(self._object), strict=False)
            except ValueError:
                value = None
            if isinstance(value, dict):
                return value
        raise RefusedError(Refusal.INVALID_JSON)
