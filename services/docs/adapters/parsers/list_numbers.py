"""Automatic numbers of Word's lists, counted as Word counts them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from services.language.numerals import joined_number, write_number

_PLACE = re.compile(r"%([1-9])")


@dataclass(frozen=True, slots=True)
class Level:
    """How a level of a list is numbered."""

    form: str = "none"
    """One of `ST_NumberFormat`."""
    first: int = 1
    text: str = ""
    """What is written, with `%1` to `%9` in place of the numbers of levels."""
    legal: bool = False
    """Whether all numbers in it are in digits."""
    restarts_after: int = -1
    """The level whose items start it again; -1 for any above it, -2 for none."""
    tight: bool = False
    """Whether nothing stands between number and text."""


class ListNumbers:
    """Counts the items of lists."""

    def __init__(self) -> None:
        self.definitions: dict[str, str] = {}
        """From a list to its definition, which counts for all of its lists."""
        self.levels: dict[str, dict[int, Level]] = {}
        """The levels of each list, from 0."""
        self.starts: dict[str, dict[int, int]] = {}
        """What a list starts again with, when it is used for the first time."""
        self._counters: dict[str, dict[int, int]] = defaultdict(dict)
        self._used: set[tuple[str, int]] = set()

    def next(self, list_id: str, depth: int) -> str:
        """Count on at a level, and return the number's text, empty for a bullet; for `numbered`."""
        levels = self.levels.get(list_id, {})
        counters = self._counters[self.definitions.get(list_id, list_id)]
        if (list_id, depth) not in self._used:
            self._used.add((list_id, depth))
            if depth in self.starts.get(list_id, {}):
                counters[depth] = self.starts[list_id][depth] - 1
        own = levels.get(depth, Level())
        counters[depth] = counters.get(depth, own.first - 1) + 1
        for deeper in [known for known in counters if known > depth]:
            after = levels.get(deeper, Level()).restarts_after
            if after == -1 or depth <= after:
                del counters[deeper]
        if own.form == "bullet":
            return ""

        def written(place: re.Match[str]) -> str:
            above = int(place[1]) - 1
            level = levels.get(above, Level())
            count = counters.get(above, level.first)
            return write_number(count, "decimal" if own.legal and level.form != "none" else level.form)

        text = _PLACE.sub(written, own.text).strip()
        return text + "\0" if own.tight and text else text


def numbered(number_text: str, text: str) -> str:
    """Put an automatic number before its text."""
    return joined_number(number_text.removesuffix("\0"), text, tight=number_text.endswith("\0"))
