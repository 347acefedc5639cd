"""The figures of a sentence: its numbers with what they count, in one notation for all languages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.language.detection import LANGUAGES
from services.language.scripts import HAN
from services.language.units import read_unit
from services.language.values import same_value

_LONGEST = 400
"""Code points of a text that are read."""
_FIGURE = re.compile(
    r"(?<![A-Za-z0-9.])(?P<number>-?\d+(?:[.,]\d+)*(?:e\d+)?(?:[-/:~]\d+(?:\.\d+)?)*)(?P<kind>%|th\b|(?:\s?(?:BCE|CE)\b)"
    rf"|\s?(?:°[A-Za-z]*|[A-Za-zµ]+|[{HAN}]))?"
)
_CENTURY = re.compile(r"(?<![\d.])(\d{1,2})th[- ]centur(?:y|ies)(?! BCE)", re.IGNORECASE)
_DATE = re.compile(r"\d{3,4}-\d\d(?:-\d\d)?")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and what it counts."""

    number: str
    kind: str
    """The stem of its unit, or what is counted; "date" and "year" for these."""
    written: str = field(default="", compare=False)
    """The number with its unit, where that tells a value."""

    def is_in(self, others: Iterable[Figure]) -> bool:
        """Return whether one of some figures says the same, whatever the notation: 3.5 % and 0.035."""
        others = list(others)
        return self in others or any(self._is(other) for other in others)

    def _is(self, other: Figure) -> bool:
        if self.kind == other.kind and same_value(self.number, other.number):
            return True
        # A unit beside another, or beside none, may be its notation: 1 km and 1000 m, 50 % and 1/2.
        return same_value(self.written, other.written, convert=True)

    def is_of_kind(self, other: Figure) -> bool:
        """Return whether two figures tell the same kind of thing: both meters, or a length in any unit."""
        return self.kind == other.kind or (bool(self.dimension) and self.dimension == other.dimension)

    @property
    def dimension(self) -> tuple[tuple[str, int], ...]:
        """What its unit measures; empty without a unit of measure."""
        unit = read_unit(self.written.removeprefix(self.number).strip())
        return unit.dimension if unit else ()


def figures(text: str) -> set[Figure]:
    """Return the figures of a text."""
    plain = _in_notation(text)
    told = [
        Figure(found["number"], _kind(found["kind"] or "", found["number"]), found[0].strip())
        for found in _FIGURE.finditer(plain)
    ]
    told += [Figure(found[1], "century") for found in _CENTURY.finditer(plain)]
    # A year tells its century, a day its month and its year as well.
    told += [Figure(str((int(figure.number) - 1) // 100 + 1), "century") for figure in told if _is_year(figure)]
    dates = [figure.number.split("-") for figure in told if figure.kind == "date"]
    return {*told, *(Figure(d[0], "year") for d in dates), *(Figure("-".join(d[:2]), "date") for d in dates)}


def _is_year(figure: Figure) -> bool:
    return figure.kind == "year" and re.fullmatch(r"\d{3,4}", figure.number) is not None


def counted(text: str) -> set[tuple[str, str, str]]:
    """Return what a text counts in a unit: the number, the kind of the figure, the stem of the thing."""
    plain = _in_notation(text)
    found: set[tuple[str, str, str]] = set()
    for figure in _FIGURE.finditer(plain):
        things = (language.statements.counted.match(plain[figure.end() :]) for language in LANGUAGES)
        if figure["kind"] and (thing := next(filter(None, things), None)):
            stem = LANGUAGES.spelled(thing["thing"]).words.stem(thing["thing"].casefold())
            found.add((figure["number"], _kind(figure["kind"], figure["number"]), stem))
    return found


def _in_notation(text: str) -> str:
    """Return the part of a text that is read, its numbers in digits."""
    plain = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text[:_LONGEST])
    for language in LANGUAGES:
        plain = next(iter(language.values.in_notation(language.words.one_spelling(plain))), plain)
    return plain


def _kind(unit: str, number: str) -> str:
    plain = unit.strip().casefold()
    if _DATE.fullmatch(number):
        return "date"
    if plain in {"ce", "bce"} or (re.fullmatch(r"1\d{3}|20\d\d", number) and plain in {"", "年"}):
        return "year"
    stem = LANGUAGES.spelled(plain).words.stem(plain) if plain.isascii() else plain
    return "°" if stem.startswith("°") or plain in {"degree", "degrees", "度"} else stem
