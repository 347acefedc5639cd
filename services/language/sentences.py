"""Sentences of a text, with their offsets. The rules of all known languages hold at once: material mixes languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from services.language.detection import LANGUAGES, Languages
from services.language.folding import trimmed
from services.language.scripts import is_cjk, is_han, join_lines


class Span(NamedTuple):
    """A half-open range of code points."""

    start: int
    end: int


_CLAUSE_END = re.compile(r"[；;]+")
_CLOSERS = "\"'”’」』）)】》〉］]"
_OPENING_PAREN, _CLOSING_PAREN = "（(", "）)"
_WORD_BEFORE = re.compile(r"(?<!\w)[A-Za-z][A-Za-z.]*$")
_INITIALS = re.compile(r"[A-Z](?:\.[A-Z])*")
_WORD_AFTER = re.compile(r"[A-Za-z]+")
_NEXT_CHARACTER = re.compile(r" *(?![a-z]{1,2}[A-Z])[^ ]")
_ITEM_NUMBER = re.compile(r"\s*[(（]?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{1,5})")
_PAREN_REACH = 160
_WORD_REACH = 24
_LONGEST_UNLISTED_ABBREVIATION = 3
_LAST_WORD = re.compile(r"(?<!\w)[a-z]+$")
_OPEN_ENDS = ",，、-‐–—(（[【“‘《/&+=<≤≥≈±×÷∈"
_OPEN_STARTS = ",;:)]}，。、；：！？）】》」』=≤≥≈±×÷∈%"
"""What no sentence begins with, so it goes on from what stands before."""
_BORDER_REACH = 240
"""Characters on each side of a border that are looked at."""
_FULL_LINE = 40
_FULL_HAN_LINE = 20
"""A line of at least these characters without a closing mark may have been broken to a width."""


def split_sentences(
    text: str,
    start: int = 0,
    end: int | None = None,
    *,
    clauses: bool = False,
    wrapped: bool = False,
    languages: Languages = LANGUAGES,
) -> list[Span]:
    """Return the sentences of `text[start:end]` as offsets into `text`, in order, disjoint, without outer spaces.

    Every character that is not white space belongs to exactly one sentence. A line break ends a sentence
    unless an English sentence plainly runs on; a decimal point, an abbreviation, an initial, a list number or
    a full stop within a short parenthesis does not. Closing quotes and brackets stay with the sentence they
    close. With `clauses`, semicolons end a span too. With `wrapped`, lines may have been broken to a width: a long
    one that is not closed runs on unless a list item follows.
    """
    end = len(text) if end is None else end
    splitter = _Splitter(text, end, _marks(languages), wrapped=wrapped)
    return list(splitter.spans(start, clauses=clauses))


def ends_as_question(text: str) -> bool:
    """Return whether a question mark ends a text, but for white space."""
    return text.rstrip().endswith(("?", "？"))


def runs_on(before: str, after: str, languages: Languages = LANGUAGES) -> bool:
    """Return whether the sentence with which a paragraph stops goes on in a later one, as over a column or a picture.

    No mark closes it, and it stops at a comma, a hyphen, an open bracket, a sign of relation or a word of grammar, or
    in the midst of a full line of Chinese, or the later one begins with a small letter or what no sentence begins with.
    """
    before, after = before[-_BORDER_REACH:].rstrip(), after[:_BORDER_REACH].lstrip()
    if not before or not after or _marks(languages).new_item.match(after):
        return False
    if not _seems_open(before, after, languages):
        return False
    joined = join_lines(before, after)
    return all(span.end != len(before) for span in split_sentences(joined, languages=languages))


def _seems_open(before: str, after: str, languages: Languages) -> bool:
    """Return whether a sentence goes on as far as the characters and words beside the border tell."""
    lower = _NEXT_CHARACTER.match(after) is not None and after[0].islower()
    if before[-1] in _marks(languages).closing:
        return lower and before[-1] == "."
    if lower or before[-1] in _OPEN_ENDS or after[0] in _OPEN_STARTS:
        return True
    if is_han(before[-1]) or is_han(after[0]):
        line = before[before.rfind("\n") + 1 :]
        return is_cjk(before[-1]) and is_cjk(after[0]) and len(line) >= _FULL_HAN_LINE
    word = _LAST_WORD.search(before)
    return word is not None and any(word.group().lower() in language.words.function for language in languages)


def list_mark_end(text: str, start: int, end: int, languages: Languages = LANGUAGES) -> int:
    """Return where the mark ends with which a list item opens at `start`, spaces included; `start` without one."""
    mark = _marks(languages).item.match(text, start, end)
    return mark.end() if mark else start


class _Marks:
    """What the rules of all languages look for: sentences are found before a text's language is known."""

    def __init__(self, languages: Languages) -> None:
        rules = [language.sentences for language in languages]
        self.stops = "".join(rule.stops for rule in rules)
        self.calls = "".join(rule.calls for rule in rules)
        self.points = "".join(rule.points for rule in rules)
        self.never_final, self.before_number, self.maybe_final, self.openers = (
            frozenset[str]().union(*(getattr(rule, name) for rule in rules))
            for name in ("never_final", "before_number", "maybe_final", "openers")
        )
        self.attribution = re.compile("|".join(f"(?:{rule.attribution.text})" for rule in rules))
        self.name_point = re.compile("|".join(f"(?:{rule.name_point.text})" for rule in rules))
        self.ending = self.stops + self.calls
        self.closing = self.ending + self.points + "!?….:：;；"
        item = r"[-*•·▪●■➢✓→#>|]+|\(?\d{1,2}[.)、）](?!\d)"
        numerals = "".join(rule.numerals for rule in rules)
        self.numeral = re.compile(rf"\s*[{numerals}]{{1,3}}" if numerals else "(?!)")
        if numerals:
            item += rf"|[（(]?[{numerals}]{{1,3}}[、)）.]"
            # Articles of a law: 第一百八十八条, 第十七条之一.
            item += rf"|第[{numerals}百千零〇\d]{{1,8}}条(?:之[{numerals}]{{1,3}})?\s"
        self.terminator = re.compile(rf"\n+|[{re.escape(self.ending + self.points)}!?]+|…+|\.+")
        self.item = re.compile(rf"(?:{item})\s*")
        self.new_item = re.compile(rf"\s*(?:{item})")


_marks = lru_cache(maxsize=8)(_Marks)


class _Splitter:
    """Finds the borders of one text."""

    def __init__(self, text: str, end: int, marks: _Marks, *, wrapped: bool) -> None:
        self._text = text
        self._end = end
        self._marks = marks
        self._wrapped = wrapped

    def spans(self, start: int, *, clauses: bool) -> Iterator[Span]:
        found = [match.span() for match in self._marks.terminator.finditer(self._text, start, self._end)]
        if clauses:
            found = sorted(found + [match.span() for match in _CLAUSE_END.finditer(self._text, start, self._end)])
        opened = start
        for first, last in found:
            if first < opened:
                continue
            border = self._border(opened, first, last)
            if border is not None:
                yield from self._trimmed(opened, border)
                opened = border
        yield from self._trimmed(opened, self._end)

    def _trimmed(self, start: int, end: int) -> Iterator[Span]:
        span = Span(*trimmed(self._text, start, end))
        if span.start < span.end:
            yield span

    def _border(self, opened: int, first: int, last: int) -> int | None:
        """Return where the sentence from `opened` ends because of the mark [first, last); None if it runs on."""
        mark = self._text[first]
        if mark == "\n":
            return None if self._line_runs_on(first, last) else last
        if mark in "；;":
            return last
        border = last
        while border < self._end and self._text[border] in _CLOSERS:
            border += 1
        if self._inside_parenthesis(opened, first, last):
            return None
        if mark in self._marks.points:
            return border if self._point_ends(opened, first, last) else None
        if mark == ".":
            return border if self._full_stop_ends(opened, first, last, border) else None
        return border if self._mark_ends(mark, first, last, border) else None

    def _point_ends(self, opened: int, first: int, last: int) -> bool:
        """Return whether a point as wide as an ideograph ends a sentence: not in `3．14`, `一．选择题` or a name."""
        text = self._text
        if text[last : last + 1].isdigit() and text[first - 1 : first].isdigit():
            return False
        if _ITEM_NUMBER.fullmatch(text, opened, first) or self._marks.numeral.fullmatch(text, opened, first):
            return False
        return self._marks.name_point.match(text, max(opened, first - 1), self._end) is None

    def _mark_ends(self, mark: str, first: int, last: int, border: int) -> bool:
        """Return whether a mark other than a full stop ends a sentence."""
        if mark in self._marks.stops:
            return True
        if mark in self._marks.calls or (mark in "!?" and is_cjk(self._text[first - 1 : first] or " ")):
            return border == last or not self._marks.attribution.match(self._text, border, self._end)
        return self._following(border).isspace() and (mark == "…" or not self._lowercase_follows(border))

    def _following(self, border: int) -> str:
        return self._text[border] if border < self._end else "\n"

    def _full_stop_ends(self, opened: int, first: int, last: int, border: int) -> bool:
        following = self._following(border)
        if not following.isspace():
            return self._ends_before(following, opened, first, last, border)
        if following == "\n":
            return not _ITEM_NUMBER.fullmatch(self._text, opened, first)
        if last - first > 1 or border > last:
            return not self._lowercase_follows(border)
        if _ITEM_NUMBER.fullmatch(self._text, opened, first):
            return False
        word = _WORD_BEFORE.search(self._text, max(opened, first - _WORD_REACH), first)
        return self._word_ends(word.group(), border) if word else not self._lowercase_follows(border)

    def _ends_before(self, following: str, opened: int, first: int, last: int, border: int) -> bool:
        """Return whether a full stop without a space behind it ends a sentence: not in `3.14`, but in Chinese text."""
        if following in self._marks.ending or last - first > 1:
            return False
        before = self._text[first - 1] if first > opened else ""
        if before and is_cjk(before):
            return not following.isdigit()
        if not is_cjk(following):
            return False
        return border > last or (before.isalpha() and not self._is_abbreviation(opened, first))

    def _word_ends(self, written: str, border: int) -> bool:
        """Return whether a full stop between a word and a space ends a sentence."""
        word, rules = written.lower(), self._marks
        if word in rules.never_final:
            return False
        if self._lowercase_follows(border):
            # People write without capitals; but a short word may be an abbreviation that no list here holds.
            listed = word in rules.before_number or word in rules.maybe_final
            return len(word) > _LONGEST_UNLISTED_ABBREVIATION and not listed
        following = self._text[border + 1 : border + 2]
        if word in rules.before_number:
            return not following.isdigit()
        if is_cjk(following or " "):
            return not _INITIALS.fullmatch(written) or len(word) == 1
        if word in rules.maybe_final or (len(word) == 1 and written.isupper()):
            # An initial (`J. Smith`), or the last word (`vitamin C. It …`).
            opener = _WORD_AFTER.match(self._text, border + 1, self._end)
            return opener is not None and opener.group().lower() in rules.openers
        return True

    def _is_abbreviation(self, opened: int, first: int) -> bool:
        """Return whether initials or a known abbreviation end before the mark, as in `J.A.霍布森`."""
        word = _WORD_BEFORE.search(self._text, max(opened, first - _WORD_REACH), first)
        if word is None:
            return False
        known = self._marks.never_final | self._marks.maybe_final
        return _INITIALS.fullmatch(word.group()) is not None or word.group().lower() in known

    def _lowercase_follows(self, border: int) -> bool:
        """Return whether the next word on the line begins with a small letter, and is no name such as mRNA or pH."""
        opening = _NEXT_CHARACTER.match(self._text, border, self._end)
        return opening is not None and self._text[opening.end() - 1].islower()

    def _line_runs_on(self, first: int, last: int) -> bool:
        """Return whether a line break falls inside a sentence: between small letters, or at the end of a full line."""
        if last - first > 1 or last >= self._end or first == 0:
            return False
        before = self._text[first - 1]
        if (before.islower() or before in ",-") and self._text[last].islower():
            return True
        return self._wrapped and self._is_full_line(first, last)

    def _is_full_line(self, first: int, last: int) -> bool:
        """Return whether a line break seems to end a full line rather than a heading, an item or a sentence."""
        line = self._text[self._text.rfind("\n", 0, first) + 1 : first].rstrip()
        if not line or line[-1] in self._marks.closing:
            return False
        if line.lstrip().startswith("#") or self._marks.new_item.match(self._text, last):
            return False
        if is_han(line[-1]) or line[-1] in "，、":
            return len(line) >= _FULL_HAN_LINE
        return len(line) >= _FULL_LINE and not self._text[last].isupper()

    def _inside_parenthesis(self, opened: int, first: int, last: int) -> bool:
        """Return whether the mark stands within a short parenthesis of the sentence that began at `opened`."""
        text = self._text
        depth = 0
        for char in text[max(opened, first - _PAREN_REACH) : first]:
            if char in _OPENING_PAREN:
                depth += 1
            elif char in _CLOSING_PAREN:
                depth = max(0, depth - 1)
        if depth == 0:
            return False
        for char in text[last : min(self._end, last + _PAREN_REACH)]:
            if char in _OPENING_PAREN or char == "\n":
                return False
            if char in _CLOSING_PAREN:
                # `(A whole sentence.)` ends there, if it began there.
                return text[opened:first].lstrip()[:1] not in _OPENING_PAREN
        return False
