"""Names: where they stand, what they are names of, which are spelled alike, and which a text says are of one thing.

The rules of all languages hold at once, because material mixes them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from services.language.detection import LANGUAGES, Languages
from services.language.folding import is_word_char
from services.language.key_terms import NUMERIC, Category, TermSpan
from services.language.language import Language
from services.language.scripts import HAN, HAN_CHARACTER, SPELLED, is_han

TERM, PERSON, PLACE, ORGANIZATION = "term", "person", "place", "organization"
EVENT, DATE, QUANTITY, WORK, LAW, PROCESS = "event", "date", "quantity", "work", "law", "process"
KINDS = (TERM, PERSON, PLACE, ORGANIZATION, EVENT, DATE, QUANTITY, WORK, LAW, PROCESS)
"""What a name may be of. The first is for all that cannot be told."""

_MOST_CHARACTERS = 120
"""Characters of a name; what is longer is a clause."""


class NameSpan(NamedTuple):
    """A name where it stands in a sentence: the slice [start, end); `common` where it is no proper name."""

    start: int
    end: int
    kind: str
    common: bool = False


class StatedName(NamedTuple):
    """Two slices of a sentence, [start, end), that it says name one thing."""

    name: tuple[int, int]
    other: tuple[int, int]


_ACRONYM = re.compile(r"[A-Z](?:[A-Z0-9]|[a-z](?=[A-Z])){1,5}\+?s?")
_DOTTED = re.compile(r"(?:[A-Za-z]\.){2,}[A-Za-z]?")
_ROMAN = re.compile(rf"(?<=[\s{HAN}])(?!V$|X$)(X{{0,3}})(IX|IV|V?I{{0,3}})$")
_ROMAN_UNITS = {"": 0, "I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9}
_KEPT = frozenset("#%‰°")
"""Beside letters and digits: without them `C#` would be `C`."""
_BETWEEN_DIGITS = frozenset(".:/-–−")


def is_acronym(name: str) -> bool:
    """Return whether a name is a few letters that stand for words, such as `WHO`, `CO2` or `U.S.`."""
    return _ACRONYM.fullmatch(name) is not None or _DOTTED.fullmatch(name) is not None


@lru_cache(maxsize=1 << 16)
def name_key(name: str, *, common: bool = False, languages: Languages = LANGUAGES) -> str:
    """Return the form in which names of one thing are equal; empty for what is no name.

    Case, width, traditional characters, accents, punctuation, spaces, articles, titles and the plural make no
    difference; digits, signs and the capitals of an acronym do. `common` is for a noun with a capital that only its
    place in the sentence gives it.
    """
    plain = _in_one_spelling(unicodedata.normalize("NFKC", name), languages).strip()
    if _DOTTED.fullmatch(plain):
        plain = plain.replace(".", "").upper()
    if _ACRONYM.fullmatch(plain) and not common:
        return plain.removesuffix("s")
    if common:
        plain = plain.lower()
    for language in languages:
        plain = language.naming.fold(plain)
    if roman := _ROMAN.search(plain):
        value = 10 * len(roman[1]) + _ROMAN_UNITS[roman[2]]
        plain = plain[: roman.start()] + (str(value) if value else "")
    return _folded(_without_accents(plain).casefold())


def _in_one_spelling(text: str, languages: Languages) -> str:
    """Return a text in which characters that differ by custom alone are equal, each in its place."""
    for language in languages:
        plain = language.words.one_spelling(text)
        # Offsets into the one have to be offsets into the other.
        text = plain if len(plain) == len(text) else text
    return text


def _without_accents(text: str) -> str:
    """Return a text with its Latin letters bare: `Gödel` as `Godel`."""
    if text.isascii():
        return text
    return "".join(
        unicodedata.normalize("NFD", char)[0] if "LATIN" in unicodedata.name(char, "") else char for char in text
    )


def _folded(text: str) -> str:
    """Return a text without spaces and punctuation, except where they keep two numbers apart or are a sign."""
    kept: list[str] = []
    for i, char in enumerate(text):
        before, after = text[i - 1 : i], text[i + 1 : i + 2]
        if is_word_char(char) or char in _KEPT:
            kept.append(char)
        elif after.isdigit() and char in "-–−" and (not before or before.isspace()):
            kept.append("−")
        elif before.isdigit() and after.isdigit() and (char in _BETWEEN_DIGITS or char.isspace()):
            kept.append("_" if char.isspace() else char)
    return "".join(kept)


@dataclass(frozen=True)
class Naming:
    """Finds names by the rules of several languages."""

    languages: Languages = LANGUAGES

    def spans(self, sentences: Sequence[str]) -> list[list[NameSpan]]:
        """Return the names of each sentence of a material, in order and disjoint: work for a worker process."""
        found: list[list[NameSpan]] = [[] for _ in sentences]
        sentences = [_in_one_spelling(sentence, self.languages) for sentence in sentences]
        by_language: dict[str, list[int]] = {}
        for number, sentence in enumerate(sentences):
            by_language.setdefault(self.languages.of(sentence).code, []).append(number)
        for code, numbers in by_language.items():
            language = self.languages.by_code(code)
            terms = language.key_terms.spans([sentences[number] for number in numbers])
            for number, row in zip(numbers, terms, strict=True):
                found[number] = self._sentence_spans(sentences[number], row, language)
        return found

    def _sentence_spans(self, text: str, terms: Sequence[TermSpan], language: Language) -> list[NameSpan]:
        spans: list[NameSpan] = []
        taken: set[int] = set()
        longer = {start: end for start, end, category in terms if category is Category.NAME}
        proper = [span for span in self._proper(text, language) if not self._is_fragment(text, span, longer)]
        for span in (*self._figures(text), *proper, *self._terms(text, terms)):
            place = range(span.start, span.end)
            if span.start < span.end and taken.isdisjoint(place):
                spans.append(span)
                taken.update(place)
        return sorted(spans)

    def _is_fragment(self, text: str, span: NameSpan, longer: Mapping[int, int]) -> bool:
        """Return whether a word with a capital is the beginning of a longer name, as in `Calvin cycle`."""
        return span.kind != WORK and " " not in text[span.start : span.end] and longer.get(span.start, 0) > span.end

    def _figures(self, text: str) -> Iterator[NameSpan]:
        for kind, pattern in ((DATE, self._dates), (QUANTITY, self._quantities)):
            for match in pattern.finditer(text):
                yield NameSpan(*match.span(), kind)

    def _proper(self, text: str, language: Language) -> Iterator[NameSpan]:
        for match in sorted((m for known in self.languages for m in known.naming.proper.finditer(text)), key=_place):
            for group, place in match.groupdict().items():
                if place is not None and not (group == "numbered" and self._opens_with_grammar(place, language)):
                    yield from self._trimmed(text, *match.span(group), WORK if group == "work" else "", language)

    def _opens_with_grammar(self, name: str, language: Language) -> bool:
        known = language if language.spaced else self.languages.spelled(name)
        return name.partition(" ")[0].casefold() in known.words.function

    def _trimmed(self, text: str, start: int, end: int, kind: str, language: Language) -> Iterator[NameSpan]:
        """Yield a proper name without the words of grammar that open its sentence with a capital."""
        known = language if language.spaced else self.languages.spelled(text)
        while not kind and (word := _FIRST_WORD.match(text, start, end)) and word[1].casefold() in known.words.function:
            start = word.end()
        name = text[start:end]
        single = " " not in name and not is_han(name[:1] or " ") and not is_acronym(name)
        of_grammar = single and name.casefold() in known.words.function
        if name and not of_grammar and not (single and _OPENS.search(text[:start])) and not self._labels.search(name):
            yield NameSpan(start, end, kind or self.kind_of(name))

    def _terms(self, text: str, terms: Sequence[TermSpan]) -> Iterator[NameSpan]:
        for start, end, category in terms:
            if category in NUMERIC:
                continue
            common = category in {Category.CONCEPT, Category.PLURAL}
            kind = {Category.PERSON: PERSON, Category.PLACE: PLACE}.get(category) or self.kind_of(text[start:end])
            yield NameSpan(start, end, kind, common)

    def kind_of(self, name: str) -> str:
        """Return what a name shows that it is of; `term` where it shows nothing."""
        for language in self.languages:
            if language.naming.person.search(name):
                return PERSON
            for kind, pattern in language.naming.kinds:
                if pattern.search(name):
                    return kind
        return TERM

    def stated(self, text: str, spans: Sequence[NameSpan]) -> list[StatedName]:
        """Return which names a sentence says to be of one thing; `spans` are its names."""
        text = _in_one_spelling(text, self.languages)
        found = [*self._in_brackets(text, spans), *self._in_words(text, spans)]
        keys = [(name_key(text[slice(*one.name)]), name_key(text[slice(*one.other)])) for one in found]
        return [one for one, (name, other) in zip(found, keys, strict=True) if name and other and name != other]

    def _in_brackets(self, text: str, spans: Sequence[NameSpan]) -> Iterator[StatedName]:
        for match in _BRACKETS.finditer(text):
            if self._no_name.match(match["inside"]):
                continue
            before = self._name_before(text, match.start(), spans)
            for part in _PART.finditer(text, *match.span("inside")):
                lead = self._lead.match(text, *part.span())
                start = lead.end() if lead else part.start()
                while start < part.end() and text[start] in _QUOTES:
                    start += 1
                end = part.end()
                while end > start and text[end - 1] in _QUOTES:
                    end -= 1
                other = text[start:end]
                if not self._may_be_name(other):
                    continue
                name = before if lead else self._unmarked(text, match.start(), before, other)
                if name and self._bears_name(text[slice(*name)], other):
                    yield StatedName(name, (start, end))

    def _may_be_name(self, text: str) -> bool:
        if not text or text[0].isdigit() or self._units.fullmatch(text) or self._labels.search(text):
            return False
        language = self.languages.of(text)
        short = len(text) > 1 and language.length(text) <= language.naming.longest_name
        return short and not _CLAUSE.search(text) and not language.naming.clause.search(text)

    def _bears_name(self, name: str, other: str) -> bool:
        """Return whether a name is telling enough to have another one: an acronym stands for no common word."""
        language = self.languages.of(name)
        if len(name) < 2 or name[0].isdigit() or name.casefold() in language.words.function:
            return False
        if language.spaced or not is_acronym(other):
            return True
        return len(name) > _COMMON_LENGTH or language.key_terms.rarity(name) >= _COMMON_RARITY

    def _unmarked(self, text: str, end: int, before: tuple[int, int] | None, other: str) -> tuple[int, int] | None:
        """Return the name that ends before brackets in which nothing but `other` stands, if that is another name of it.

        It is where the two are in different scripts, or one is the other's acronym.
        """
        while end and (text[end - 1].isspace() or text[end - 1] in _QUOTES):
            end -= 1
        if is_acronym(other) and (start := long_form(text[:end], other)) is not None:
            return start, end
        if before is None:
            return None
        name = text[slice(*before)]
        if bool(HAN_CHARACTER.search(name)) != bool(HAN_CHARACTER.search(other)):
            return before
        if HAN_CHARACTER.search(other):
            mixed = re.search(SPELLED, other) is not None and other[-1] == name[-1]
            return before if mixed else None
        return before if is_acronym(name) and long_form(other, name) == 0 else None

    def _in_words(self, text: str, spans: Sequence[NameSpan]) -> Iterator[StatedName]:
        for match in self._between.finditer(text):
            before = self._name_before(text, match.start(), spans)
            after = self._name_after(text, match.end(), spans)
            if before and after and self._may_be_name(text[slice(*after)]):
                yield StatedName(before, after)

    def _name_before(self, text: str, end: int, spans: Sequence[NameSpan]) -> tuple[int, int] | None:
        """Return the name that ends at `end`, but for spaces and quotation marks."""
        while end and (text[end - 1].isspace() or text[end - 1] in _QUOTES):
            end -= 1
        known = next((span.start for span in spans if span.end == end and span.kind != QUANTITY), None)
        if end:
            known = self.languages.of(text[end - 1]).naming.at_end(text[:end], known)
        return (known, end) if known is not None and known < end else None

    def _name_after(self, text: str, start: int, spans: Sequence[NameSpan]) -> tuple[int, int] | None:
        """Return the name that begins at `start`, but for spaces and quotation marks."""
        while start < len(text) and (text[start].isspace() or text[start] in _QUOTES):
            start += 1
        known = next((span.end for span in spans if span.start == start and span.kind != QUANTITY), None)
        if known is None and start < len(text):
            known = start + self.languages.of(text[start]).naming.at_start(text[start:])
        return (start, known) if known is not None and start < known else None

    def _joined(self, name: str, template: str = "{}", flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
        rules = "|".join(f"(?:{getattr(language.naming, name)})" for language in self.languages)
        return re.compile(template.format(rules), flags)

    @cached_property
    def _dates(self) -> re.Pattern[str]:
        return self._joined("date")

    @cached_property
    def _quantities(self) -> re.Pattern[str]:
        return self._joined("quantity", rf"(?<![A-Za-z0-9.,])[-−]?\d+(?:[.,]\d+)*\s?(?:{{}}|{_UNIT})")

    @cached_property
    def _units(self) -> re.Pattern[str]:
        return self._joined("quantity", f"(?:{{}}|{_UNIT})")

    @cached_property
    def _lead(self) -> re.Pattern[str]:
        return self._joined("lead", r"\s*(?:{})\s*[:：]?\s*", re.IGNORECASE)

    @cached_property
    def _between(self) -> re.Pattern[str]:
        return self._joined("between")

    @cached_property
    def _no_name(self) -> re.Pattern[str]:
        return self._joined("no_name", r"\s*(?:{})")

    @cached_property
    def _labels(self) -> re.Pattern[str]:
        return re.compile(
            "|".join(language.reading.points_elsewhere.text for language in self.languages), re.IGNORECASE
        )


_OPENS = re.compile(r"(?:^|[.:!?。：！？]\s*)\W*$")
"""What stands before a word that has its capital by its place: a mark of a list, a bracket, what ends a sentence."""
_FIRST_WORD = re.compile(r"([\w’'-]+)\s+")
_BRACKETS = re.compile(r"\s?[（(](?P<inside>[^（）()]{1,120})[）)]")
_PART = re.compile(r"[^\s，,；;、：][^，,；;]*(?<!\s)")
_CLAUSE = re.compile(r"[。!?！？：:=](?:\s|$)|[.](?: [a-z]|$)(?<![A-Z]\.)|\d{3}|、")
_COMMON_LENGTH, _COMMON_RARITY = 3, 0.75
_QUOTES = frozenset("“”\"'‘’「」『』《》")
_UNIT = (
    r"(?:[kcmnμµM]?m[²³23]?|k?g|mg|[kMG]?Hz|k?Pa|[kM]?[JWV]|m?A|mol|m?L|ml|s|min|h|K|°[CF]|℃|℉|%|‰|[KMGT]B)"
    r"(?:/(?:s|h|min|[mk]?g|m?L|mol|[cm]?m[²³]?))?(?![A-Za-z])"
)


def _place(match: re.Match[str]) -> tuple[int, int]:
    return match.start(), -match.end()


def long_form(text: str, acronym: str) -> int | None:
    """Return where the words begin, at the end of a text, that an acronym stands for; None where none do.

    Its letters stand in the words in their order, the first one at a word's beginning: Schwartz and Hearst, "A simple
    algorithm for identifying abbreviation definitions in biomedical text", PSB 2003. Digits at its end are a formula's.
    """
    letters = [char for char in acronym.removesuffix("s").casefold() if char.isalpha()]
    end = len(text.rstrip())
    reach = [match.start() for match in re.finditer(r"(?<![\w’'])\w", text[:end])]
    reach = reach[-min(len(letters) + 5, 2 * len(letters)) :]
    place = end
    for number, letter in reversed(list(enumerate(letters))):
        place = text.casefold().rfind(letter, 0, place) if len(text.casefold()) == len(text) else -1
        while number == 0 and place > 0 and text[place - 1].isalnum():
            place = text.casefold().rfind(letter, 0, place)
        if place < 0:
            return None
    return place if reach and place >= reach[0] and any(char.islower() for char in text[place:end]) else None
