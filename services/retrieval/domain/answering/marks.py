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
        plain = ""
        position = 0
        self._pending = ""
        while position < len(text):
            opening = _OPENING.search(text, position)
            if opening is None:
                rest = text[position:]
                # Space may precede a mark that is dropped, and must then go with it.
                kept = rest if final else rest.rstrip()
                plain += kept
                self._pending = rest[len(kept) :]
                break
            plain += text[position : opening.start()]
            window = text[opening.end() : opening.end() + _LONGEST_MARK]
            closing = _CLOSING.search(window)
            if closing is None and len(window) < _LONGEST_MARK and not final:
                self._pending = text[opening.start() :]
                break
            mark = _mark().match(window[: closing.start()]) if closing else None
            if closing is None or mark is None:
                plain += opening[0]
                position = opening.end()
                continue
            if plain:
                found.append(plain)
                plain = ""
            found.append(Mark(opening[0][:-1], tuple(_numbers(mark[1]))))
            position = opening.end() + closing.end()
        if plain:
            found.append(plain)
        return found


def _numbers(mark: str) -> list[int]:
    numbers: list[int] = []
    for part in re.split(rf"\s*(?:{_separator()})\s*", mark, flags=re.IGNORECASE):
        first, *last = (int(n) for n in re.findall(_NUMBER, part))
        if last and first <= last[0] < first + _LONGEST_RANGE:
            numbers += range(first, last[0] + 1)
        else:
            numbers += [first, *last]
    return list(dict.fromkeys(numbers))
