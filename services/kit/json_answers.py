"""What a model answers as JSON: its schema from a type, and the object cut out of what it writes (ADR 0068)."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import msgspec
from json_repair import repair_json

from services.kit.texts import clean

_KEYED = re.compile(r"[\w\"'”＂]\s*[:：]")
"""A name in an object, as its first sign that it is one."""
_OF_STRINGS = re.compile(r'["\\]')
_OF_STRUCTURE = re.compile(r'["{}\[\]]')
"""The characters of JSON that its objects' ends depend on, within its strings and outside of them."""


_READER = json.JSONDecoder(strict=False)
"""Lets line breaks in strings pass. `json.loads` would build it anew for each text."""
_MOST_CHARACTERS = 65_536
"""An object of more is none: the longest that is asked for has a tenth of it."""
_MOST_LEVELS = 32
"""Objects and lists inside each other."""
_MOST_SKIPPED = 256
"""Pairs of braces before an object."""
_MOST_REPAIRED = 8_192
"""Characters of an object that is repaired: repair takes up to 5 ms for each thousand, on the loop."""
_ENDED = re.compile(r"[\"”\]}\de](?:\s|`)*\Z")
"""The end of an object that lacks brackets alone; one that a limit cut ends anywhere."""


class JsonObjectScanner:
    """Finds the end of the first JSON object in a text; small models go on with blanks or a second object."""

    def __init__(self) -> None:
        self._object: list[str] = []
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._hopeless = False
        self._skipped = 0
        self.closed = False
        self.length = 0
        """Characters of the object so far, and of braces before it that hold none."""

    def feed(self, text: str) -> bool:
        """Take the next piece, and return whether nothing more is needed: the object is closed, or past its bounds."""
        while text and not (self.closed or self._hopeless):
            text = self._take(text)
            if self.closed and not _KEYED.search("".join(self._object)):
                # A set of numbers, `{}`, or braces of prose: what is asked for may come later.
                self._object.clear()
                self.closed = False
                self._skipped += 1
                self._hopeless = self._hopeless or self._skipped > _MOST_SKIPPED
        return self.closed or self._hopeless

    def _take(self, text: str) -> str:
        """Take a piece up to where the object closes, and return what is behind that."""
        start = 0 if self._depth else text.find("{")
        if start < 0:
            return ""
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
                    self._hopeless = self._hopeless or self._depth > _MOST_LEVELS
                case _:
                    self._depth -= 1
                    if self._depth == 0:
                        self.closed, end = True, position
                        break
        self._object.append(text[start:end])
        self.length += end - start
        self._hopeless = self._hopeless or self.length > _MOST_CHARACTERS
        return text[end:]

    def value(self) -> dict[str, Any]:
        """Return the object, repaired where it has to be and as it can be stored.

        An object that was not closed counts if brackets alone are missing at its end.

        Raises:
            ValueError: there is none, or it cannot be repaired within bounds.
        """
        text = _with_backslashes("".join(self._object))
        if self._hopeless or not (self.closed or _ENDED.search(text)):
            raise ValueError("the object is not closed, or past its bounds")
        try:
            value = _READER.decode(text)
        except ValueError:
            value = _read_anyhow(text)
        if not isinstance(value, dict):
            raise ValueError("that is no object")
        return {clean(name): _cleaned(item) for name, item in value.items()}


def _read_anyhow(text: str) -> object:
    """Return what an object says that is no JSON: in wide marks, or with mistakes."""
    narrow = _with_narrow_marks(text)
    if narrow != text:
        try:
            return _READER.decode(narrow)
        except ValueError:
            # Marks inside of strings stay as they are, unless the wide ones alone make the object.
            return _repaired(text if _NARROW_KEY.search(text) else narrow)
    return _repaired(text)


_NARROW_KEY = re.compile(r'"\s*:')
_MARKS = str.maketrans("：，｛｝［］", ":,{}[]")
_OPENING = re.compile('["“”„＂]')
_CLOSING = {
    '"': re.compile(r'(?<!\\)(?:\\\\)*"'),
    "": re.compile(r'[”“＂"](?=\s*(?:[:：,，}\]｝］]|\Z))'),
}
"""Where a string ends: one in ASCII quotes, and one in others, which may stand inside as well."""


def _with_narrow_marks(text: str) -> str:
    """Return an object whose structure is in full-width and curly marks in ASCII's; its strings keep theirs."""
    kept: list[str] = []
    at = 0
    while opening := _OPENING.search(text, at):
        kept.append(text[at : opening.start()].translate(_MARKS))
        closing = _end_of_string(text, opening)
        if closing is None:
            return text
        content = text[opening.end() : closing.end() - 1]
        kept.append('"' + (content if opening[0] == '"' else _QUOTE_INSIDE.sub(r'\\"', content)) + '"')
        at = closing.end()
    return "".join(kept) + text[at:].translate(_MARKS)


_QUOTE_INSIDE = re.compile(r'(?<!\\)"')


def _end_of_string(text: str, opening: re.Match[str]) -> re.Match[str] | None:
    """Return the mark that closes a string; quotes inside one in “ ” are in pairs, or else anything goes."""
    if opening[0] == '"':
        return _CLOSING['"'].search(text, opening.end())
    depth = 1
    for mark in re.compile("[“”]").finditer(text, opening.end()) if opening[0] == "“" else ():
        depth += 1 if mark[0] == "“" else -1
        if not depth:
            return mark
        if depth > _MOST_LEVELS:
            break
    return _CLOSING[""].search(text, opening.end())


def _repaired(text: str) -> object:
    """Return what an object with mistakes says: a comma too much, a quote inside a string, a bracket too few."""
    if len(text) > _MOST_REPAIRED:
        raise ValueError("the object is too long to be repaired")
    try:
        return repair_json(text, return_objects=True, skip_json_loads=True)
    except RecursionError as error:
        raise ValueError("the object has too many levels") from error


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return clean(value)
        case list():
            return [_cleaned(item) for item in value]
        case dict():
            return {clean(name): _cleaned(item) for name, item in value.items()}
    return value


_HEX = "[0-9a-fA-F]"
_PAIR = rf"u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}"
_ESCAPE = re.compile(rf"\\(?:[\"\\]|(?P<pair>{_PAIR})|u{_HEX}{{4}}|(?P<word>[A-Za-z]+)|(?P<sign>.))", re.DOTALL)
_LIKE_ESCAPES = """
    nabla natural ncong ne nearrow neg neq newline nexists ngeq ngtr nleftarrow nleq nless nmid nolimits nonumber not
    notin nparallel nprec nrightarrow nsim nsubseteq nsucc nsupseteq nu nwarrow
    raisebox rangle rbrace rbrack rceil real ref rfloor rho right rightarrow rightarrows rightharpoonup
    rightleftharpoons rm root rparen rtimes rvert
    tan tanh tau tbinom text textbf textcolor textit textrm textsf textstyle texttt textup textnormal tfrac therefore
    theta thickapprox thicksim tilde times tiny to top triangle triangledown triangleleft triangleright
    twoheadrightarrow
"""
_COMMANDS = frozenset(_LIKE_ESCAPES.split())
"""Of TeX, LaTeX and amsmath, those that begin like an escape for a line feed, a carriage return or a tab."""


def _with_backslashes(text: str) -> str:
    r"""Return JSON in which a backslash that begins a command of LaTeX, or no escape, is written twice.

    `\frac` with one backslash is a form feed and "rac" to JSON. A form feed or a backspace before a letter is never
    meant; a line feed, a carriage return or a tab is, unless the letters make a command.
    """
    return _ESCAPE.sub(_written_twice, text) if "\\" in text else text


def _written_twice(escape: re.Match[str]) -> str:
    word, sign = escape["word"], escape["sign"]
    if sign in {"'", "/"}:
        return str(sign)
    if escape["pair"]:
        # Who repairs does not join the halves.
        return str(json.loads(f'"{escape[0]}"'))
    if word is None and sign is None:
        return escape[0]
    meant = word is not None and word[0] in "nrt" and word not in _COMMANDS
    alone = word is not None and len(word) == 1 and word in "bfnrt"
    return escape[0] if meant or alone else "\\" + escape[0]


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
