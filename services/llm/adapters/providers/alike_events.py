"""Texts of events that differ in nothing but their text, as most events of a stream do.

To read texts between bytes that are known takes a small part of the time that parsing the events takes.
"""

from __future__ import annotations

import re
from itertools import takewhile

from services.llm.adapters.providers.answers import plain_text_of
from services.llm.adapters.providers.wire import decode_chat

_BEGIN, _END = b"data: ", b"\n\n"
_CONTENT = re.compile(rb'"content": ?"(?!")')
_PROBE = "tiku/probe"
_MOST_TRIES = 3
"""Events from which it is learned in vain what surrounds a text, before no further one is tried."""


class AlikeEvents:
    """What surrounds the text in the events of one stream, learned from one that was parsed."""

    def __init__(self) -> None:
        self._before = self._behind = self._between = b""
        self._tries = _MOST_TRIES

    def read(self, piece: bytes) -> tuple[list[str], bytes]:
        """Return the texts of the alike events with which a piece of a stream begins, and what is left of it."""
        if not self._before or not piece.startswith(self._before):
            return [], piece
        *literals, last = piece[len(self._before) :].split(self._between)
        literal, closed, rest = last.partition(self._behind)
        if closed:
            literals.append(literal)
        texts = _texts(literals)
        if texts:
            self._tries = _MOST_TRIES
        if len(texts) < len(literals):
            left = [*literals[len(texts) :], *([] if closed else [last])]
            return texts, self._before + self._between.join(left) + (self._behind + rest if closed else b"")
        return texts, rest if closed else self._before + last

    def learn(self, data: bytes) -> None:
        """Take the data of an event that was parsed."""
        if not self._tries or not (found := _CONTENT.search(data)):
            return
        literal, closed, _ = data[found.end() :].partition(b'"')
        if not closed or not _text(literal):
            return
        self._tries -= 1
        before, behind = data[: found.end()], data[found.end() + len(literal) :]
        # With another text in this place, the same event has to add that and nothing else.
        if _adds(before + _PROBE.encode() + behind) == _PROBE:
            self._before, self._behind = _BEGIN + before, behind + _END
            self._between = self._behind + self._before


def _adds(data: bytes) -> str:
    """Return the text that an event adds, where it is one and that is all it does."""
    try:
        return plain_text_of(decode_chat(data))
    except ValueError:  # Some providers leave out the blank line between two events.
        return ""


def _texts(literals: list[bytes]) -> list[str]:
    """Return the texts of the first of some literals, as far as a look is enough to tell them."""
    texts = _plain(b"\n".join(literals)).split("\n")
    if len(texts) == len(literals) and all(texts) and "".join(texts).isprintable():
        return texts
    return list(takewhile(str.__len__, map(_text, literals)))


def _text(literal: bytes) -> str:
    """Return what stands between quotes in JSON; nothing where more than a look is needed to tell."""
    text = _plain(literal)
    return text if text.isprintable() else ""


def _plain(literal: bytes) -> str:
    if b'"' in literal or b"\\" in literal:
        return ""
    try:
        return literal.decode()
    except ValueError:
        return ""
