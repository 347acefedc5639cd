"""Citation marks in a stream of text: found in every form that models use, and even when split."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from services.language.detection import LANGUAGES

_NUMBER = r"\d{1,3}"
_OPENING = re.compile(r"\s*[\[【［]")
_CLOSING = re.compile(r"[\]】］]")
_LONGEST_MARK = 32
"""Most code points between the brackets of a mark."""
_LONGEST_RANGE = 20
"""Most passages that a range such as "[1-3]" may name."""


@cache
def _separator() -> str:
    return "|".join((r"[,，、;；&]", *(language.answering.conjunction for language in LANGUAGES)))


@cache
def _mark() -> re.Pattern[str]:
    """Compile what stands between the brackets of a mark.

    Asked for "[1]", models write "[1]", "[1, 2]", "[1-3]", "【1】", "[Passage 1]" or "[来源 1]".
    """
    names = "|".join(language.answering.passage for language in LANGUAGES)
    numbers = rf"{_NUMBER}(?:\s*(?:[–-]|{_separator()})\s*{_NUMBER})*"
    return re.compile(rf"^(?:{names})?\s*#?\s*({numbers})$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mark:
    """A citation mark as the model wrote it: the white space before it, and the numbers in it."""

    space: str
    numbers: tuple[int, ...]


class MarkScanner:
    """Cuts a stream of text into plain text and citation marks.

    White space and an opening bracket are held back until it is clear whether a mark follows; nothing else is.
    """

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, text: str) -> list[str | Mark]:
        """Return the text and the marks that are certain so far."""
        return self._scan(self._pending + text, final=False)

    def close(self) -> list[str | Mark]:
        """Return what was held back, as text."""
        return self._scan(self._pending, final=True)

    def _scan(self, text: str, *, final: bool) -> list[str | Mark]:
        found: list[str | Mark] = []
        done = 0
        # Space may precede a mark that is dropped, and must then go with it.
        end = len(text) if final else len(text.rstrip())
        for opening in _OPENING.finditer(text):
            window = text[opening.end() : opening.end() + _LONGEST_MARK]
            closing = _CLOSING.search(window)
            if closing is None and len(window) < _LONGEST_MARK and not final:
                end = opening.start()
                break
            mark = _mark().match(window[: closing.start()]) if closing else None
            if closing and mark:
                found += [text[done : opening.start()], Mark(opening[0][:-1], _numbers(mark[1]))]
                done = opening.end() + closing.end()
        self._pending = text[end:]
        return [piece for piece in (*found, text[done:end]) if piece]


def _numbers(mark: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in re.split(rf"\s*(?:{_separator()})\s*", mark, flags=re.IGNORECASE):
        first, *last = (int(n) for n in re.findall(_NUMBER, part))
        if last and first <= last[0] < first + _LONGEST_RANGE:
            numbers += range(first, last[0] + 1)
        else:
            numbers += [first, *last]
    return tuple(dict.fromkeys(numbers))
