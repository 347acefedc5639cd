"""Writes a providers file: the few forms of TOML that one consists of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def comment(lines: Iterable[object]) -> list[str]:
    """Return lines as comments; what would end a line or may not stand in one becomes a space."""
    return [f"# {_CONTROL.sub(' ', str(line))}".rstrip() for line in lines]


def table(name: str, fields: Mapping[str, object]) -> list[str]:
    """Return the lines of one table of an array of tables."""
    return ["", f"[[{name}]]", *(f"{_key(key)} = {value(item)}" for key, item in fields.items())]


def value(item: object) -> str:
    """Return a value; a list of tables has a line for each."""
    if isinstance(item, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {value(inner)}" for key, inner in item.items()) + " }"
    if isinstance(item, Sequence) and not isinstance(item, str):
        inner = [value(one) for one in item]
        if any(isinstance(one, Mapping) for one in item):
            return "[\n" + "".join(f"  {one},\n" for one in inner) + "]"
        return f"[{', '.join(inner)}]"
    if isinstance(item, str):
        # JSON escapes what TOML does, but for the one control character that JSON lets stand.
        return json.dumps(item, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(item)


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else value(name)
