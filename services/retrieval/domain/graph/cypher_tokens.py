"""Cypher as tokens: words, numbers, strings, parameters and signs; whatever else there is, is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from services.kit.errors import FieldViolation, InvalidArgument

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w))
    |(?P<word>[^\W\d]\w*)
    |(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<parameter>\$[^\W\d]\w*)
    |(?P<sign><>|<=|>=|=~|\.\.|[()\[\]{},:;.|*+\-/%^=<>])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\\": "\\", "'": "'", '"': '"', "`": "`"}
_MOST_TOKENS = 4000


class Token(NamedTuple):
    """A piece of a statement; `text` of a string is its content, and that of a parameter its name."""

    kind: str
    text: str
    start: int
    end: int

    def says(self, *words: str) -> bool:
        """Return whether it is one of these words, in any case, or one of these signs."""
        match self.kind:
            case "word":
                return self.text.isascii() and self.text.upper() in words
            case "sign":
                return self.text in words
        return False


def refuse(rule: str) -> InvalidArgument:
    """Return the error of a statement that breaks a rule."""
    return InvalidArgument(
        f"The statement is refused: {rule}", reason="CYPHER_REFUSED", violations=[FieldViolation("cypher", rule)]
    )


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a statement, the last one of kind "end".

    Raises:
        InvalidArgument: a character begins no token, or there are too many.
    """
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise refuse(_why_none(text, at))
        kind = found.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, _content(kind, found[0]), at, found.end()))
        at = found.end()
        if len(tokens) > _MOST_TOKENS:
            raise refuse(f"it has more than {_MOST_TOKENS} words and signs.")
    return [*tokens, Token("end", "", at, at)]


def _content(kind: str, text: str) -> str:
    match kind:
        case "parameter":
            return text[1:]
        case "string":
            return _ESCAPE.sub(_unescaped, text[1:-1])
    return text


def _unescaped(found: re.Match[str]) -> str:
    what = found[0]
    if len(what) > 2:
        return _characters(what.split("\\u")[1:])
    if what[1] not in _ESCAPED:
        raise refuse(f"a string holds {what}, which is no escape.")
    return _ESCAPED[what[1]]


def _characters(units: Sequence[str]) -> str:
    """Return the text of UTF-16 units in hexadecimal digits; a character beyond the first 65,536 has two."""
    try:
        return b"".join(bytes.fromhex(unit) for unit in units).decode("utf-16-be")
    except UnicodeDecodeError:
        raise refuse("a string holds half of a character, \\ud800 to \\udfff without its other half.") from None


def _why_none(text: str, at: int) -> str:
    match text[at]:
        case "`":
            return "names in backticks are not read: name things without spaces and signs."
        case "'" | '"':
            return f"the string that begins at character {at} does not end."
        case "\\":
            return "escapes are read in strings alone."
        case "/":
            return "the comment that begins with /* does not end."
    return f"the character {text[at]!r} at {at} is not read."
