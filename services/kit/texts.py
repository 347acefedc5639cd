"""Texts from outside as they can be stored and shown: without control characters and halves of characters."""

from __future__ import annotations

import re

_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_NO_TEXT = re.compile(
    # Controls but line feed and tab, halves of surrogate pairs, noncharacters, marks that are not seen and turn a
    # text's direction or cut its words. Joiners stay: they change what is read.
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f]"
)


def clean(text: str) -> str:
    """Return a text without what no store takes and no reader sees. PostgreSQL refuses NUL, gRPC a lone surrogate."""
    if text.isascii() and text.isprintable():
        return text
    return _NO_TEXT.sub("", _LINE_BREAK.sub("\n", text))
