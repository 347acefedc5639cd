"""What a model answers as JSON: its schema from a type, and the object cut out of what it writes."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import msgspec

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
        self.length = 0
        """Characters of the object so far."""

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
        self.length += end - start
        return self.closed

    def value(self) -> dict[str, Any]:
        """Return the object, control characters in its strings included.

        Raises:
            ValueError: it is not closed or not valid.
        """
        if not self.closed:
            raise ValueError("the object is not closed")
        try:
            value = json.loads("".join(self._object), strict=False)
        except RecursionError:
            value = None
        if not isinstance(value, dict):
            raise ValueError("that is no object")
        return value


def asked(**keywords: int | list[str]) -> msgspec.Meta:
    """Return a bound that a model is asked to keep and that decoding does not enforce: the checks say better why."""
    return msgspec.Meta(extra_json_schema=keywords)


@cache
def schema_of(answer: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema of a type as providers take it. The fields in their order are its required properties."""
    _, components = msgspec.json.schema_components((answer,), ref_template="{name}")

    def plain(node: dict[str, Any]) -> dict[str, Any]:
        """Return a schema without references, titles and anything optional."""
        node = components.get(node.get("$ref", ""), node)
        schema: dict[str, Any] = {"type": node["type"]}
        if properties := node.get("properties"):
            schema["properties"] = {name: plain(own) for name, own in properties.items()}
            schema |= {"required": list(properties), "additionalProperties": False}
        if items := node.get("items"):
            schema["items"] = plain(items)
        return schema | {
            keyword: bound for keyword, bound in node.items() if keyword.startswith(("min", "max", "enum"))
        }

    return plain({"$ref": answer.__name__})
