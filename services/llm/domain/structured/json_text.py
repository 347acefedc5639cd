"""The JSON in what a model writes, read as RFC 8259 and I-JSON have it: whatever two readers read alike."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

MAX_CHARACTERS = 1 << 20
MAX_DEPTH = 64
_BEGIN = re.compile(r"[{\[]")
_HALF = re.compile(r"[\ud800-\udfff]")
CUT = "ends before its JSON value does"
"""The rule that an answer breaks which somebody cut off."""


class NotJsonError(ValueError):
    """A text holds no JSON value, or one that not every reader reads alike; the message is the rule that it breaks."""


def read_json(text: str, *, alone: bool) -> tuple[Any, str]:
    """Return the JSON value in a text, and the part of the text that it is.

    Unless it has to stand `alone`, there may be words or a fence around an object or an array. It begins at the first
    bracket: what stands further inside a broken value is never taken for it.

    Raises:
        NotJsonError: there is no value, or more than one.
    """
    text = text.strip("\ufeff \t\r\n")
    if not text:
        raise NotJsonError("is empty")
    if len(text) > MAX_CHARACTERS:
        raise NotJsonError(f"has more than {MAX_CHARACTERS} characters")
    begin = _BEGIN.search(text)
    start = begin.start() if begin and not alone and text[0] != '"' else 0
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise NotJsonError(_rule(error, text, start)) from error
    except RecursionError:
        raise NotJsonError(f"is nested deeper than {MAX_DEPTH}") from None
    rest = text[end:]
    if _BEGIN.search(rest):
        raise NotJsonError("holds more than one JSON value")
    if rest and (alone or not isinstance(value, dict | list)):
        raise NotJsonError(f"has something else behind its JSON value, at character {end}")
    if _depth(value) > MAX_DEPTH:
        raise NotJsonError(f"is nested deeper than {MAX_DEPTH}")
    part = text[start:end]
    if "\\u" in part and _HALF.search(json.dumps(value, ensure_ascii=False)):
        raise NotJsonError("holds half of a surrogate pair")
    return value, part


def _rule(error: json.JSONDecodeError, text: str, start: int) -> str:
    """Return what is wrong with a text that could not be read."""
    if error.pos >= len(text) or error.msg.startswith("Unterminated string"):
        return CUT
    if error.pos == start and text[start] not in "{[":
        return "holds no JSON value"
    return f"is not JSON: {error.msg[0].lower()}{error.msg[1:]}, at character {error.pos}"


def _depth(value: Any) -> int:
    """Return how many objects and arrays lie in one another."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise NotJsonError(f"has the member {next(name for name in names if names.count(name) > 1)!r} twice")
    return members


def _constant(word: str) -> NoReturn:
    raise NotJsonError(f"holds {word}, for which JSON has no word")


def _float(digits: str) -> float:
    number = float(digits)
    return _constant("a number without bounds") if math.isinf(number) else number


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant, parse_float=_float)
