"""Sentences of Chinese and English text, with their offsets."""

from __future__ import annotations

import re
from typing import NamedTuple

from services.language.scripts import is_cjk, is_han


class Span(NamedTuple):
    """A half-open range of code points."""

    start: int
    end: int


_TERMINATOR = re.compile(r"\n+|[。｡！？!?]+|…+|\.+")
_CLAUSE_END = re.compile(r"[；;]+")
_CLOSERS = "\"'”’」』）)】》〉］]"
_OPENING_PAREN, _CLOSING_PAREN = "（(", "）)"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Abbreviations that a name, number or further words always follow.
_NEVER_FINAL = _words(
    """
    mr mrs ms dr prof rev hon st gen col capt lt sgt fig figs eq eqs sec ch vol vols ed eds pp cf vs viz
    e.g i.e al approx ca resp sect tab ref refs def thm lem cor prop ex conc dept temp univ
    """
)
# Abbreviations that are numbers' companions: `No. 5`, `p. 12`.
_BEFORE_NUMBER = _words(
    """
    no nos p art item nr
    """
)
# Abbreviations that may close a sentence: they do when a word follows that often opens one.
_MAYBE_FINAL = _words(
    """
    etc inc ltd co corp jr sr u.s u.k u.n e.u a.m p.m b.c a.d ph.d m.d b.sc m.sc jan feb mar apr jun jul
    aug sep sept oct nov dec mt ave min max
    """
)
_OPENERS = _words(
    """
    the a an it he she they we i you this that these those in on at by for from as if when while after
    before however but and so then there here one some many most its his her their our what why how who
    where
    """
)
_WORD_BEFORE = re.compile(r"(?<!\w)[A-Za-z][A-Za-z.]*$")
_INITIALS = re.compile(r"[A-Z](?:\.[A-Z])*")
_WORD_AFTER = re.compile(r"[A-Za-z]+")
_NEXT_CHARACTER = re.compile(r" *(?![a-z]{1,2}[A-Z])[^ ]")
_LIST_MARK = re.compile(r"\s*[(（]?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{1,5})")
_ATTRIBUTION = re.compile(r"[^。！？\n，,]{0,6}?[说道问答喊叫]")
_NEW_ITEM = re.compile(r"\s*(?:[-*•·▪●■➢✓→#>|]|\(?\d{1,2}[.)、）]|[（(]?[一二三四五六七八九十]{1,3}[、)）.])")
_PAREN_REACH = 160
_LONGEST_UNLISTED_ABBREVIATION = 3
_FULL_LINE = 40
_FULL_HAN_LINE = 20
"""Characters from which a line that stops without a closing mark may have been broken to a width."""


def split_sentences(
    text: str, start: int = 0, end: int | None = None, *, clauses: bool = False, wrapped: bool = False
) -> list[Span]:
    """The sentences of `text[start:end]` as offsets into `text`, in order, disjoint, without outer spaces.

    Every character that is not white space belongs to exactly one sentence. A line break ends a sentence
    unless an English sentence plainly runs on; a decimal point, an abbreviation, an initial, a list number or
    a full stop within a short parenthesis does not. Closing quotes and brackets stay with the sentence they
    close. With `clauses`, semicolons end a span too. With `wrapped`, lines may have been broken to a width: a long
    one that is not closed runs on unless a list item follows.
    """
    end = len(text) if end is None else end
    spans: list[Span] = []
    opened = start
    marks = [match.span() for match in _TERMINATOR.finditer(text, start, end)]
    if clauses:
        marks = sorted(marks + [match.span() for match in _CLAUSE_END.finditer(text, start, end)])
    for mark_start, mark_end in marks:
        if mark_start < opened:
            continue
        border = _border(text, opened, mark_start, mark_end, end, wrapped=wrapped)
        if border is not None:
            _append(spans, text, opened, border)
            opened = border
    _append(spans, text, opened, end)
    return spans


def _append(spans: list[Span], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        spans.append(Span(start, end))


def _border(text: str, opened: int, mark_start: int, mark_end: int, end: int, *, wrapped: bool) -> int | None:
    """Where the sentence that began at `opened` ends because of the mark, or None when it runs on."""
    mark = text[mark_start]
    if mark == "\n":
        if _runs_on(text, mark_start, mark_end, end) or (wrapped and _is_wrapped(text, mark_start, mark_end, end)):
            return None
        return mark_end
    if mark in "；;":
        return mark_end
    border = mark_end
    while border < end and text[border] in _CLOSERS:
        border += 1
    following = text[border] if border < end else "\n"
    if _inside_parenthesis(text, opened, mark_start, mark_end, end):
        return None
    if mark in "。｡":
        return border
    if mark in "！？" or (mark in "!?" and is_cjk(text[mark_start - 1 : mark_start] or " ")):
        quoted = border > mark_end
        return None if quoted and _ATTRIBUTION.match(text, border, end) else border
    if mark == "…":
        return border if following.isspace() else None
    if mark in "!?":
        return border if following.isspace() and not _lowercase_follows(text, border, end) else None
    return border if _full_stop_ends(text, opened, mark_start, mark_end, border, end) else None


def _full_stop_ends(text: str, opened: int, mark_start: int, mark_end: int, border: int, end: int) -> bool:
    following = text[border] if border < end else "\n"
    before = text[mark_start - 1] if mark_start > opened else ""
    if not following.isspace():
        # `3.14`, `example.com`, `......`; a full stop in Chinese text needs no space after it.
        if following in "。｡！？" or mark_end - mark_start > 1:
            return False
        if before and is_cjk(before):
            return not following.isdigit()
        if not is_cjk(following):
            return False
        return border > mark_end or (before.isalpha() and not _is_abbreviation(text, opened, mark_start))
    if following == "\n":
        return not _LIST_MARK.fullmatch(text, opened, mark_start)
    lowercase_follows = _lowercase_follows(text, border, end)
    if mark_end - mark_start > 1 or border > mark_end:
        return not lowercase_follows
    if _LIST_MARK.fullmatch(text, opened, mark_start):
        return False
    word_match = _WORD_BEFORE.search(text, max(opened, mark_start - 24), mark_start)
    if word_match is None:
        return not lowercase_follows
    word = word_match.group().lower()
    if word in _NEVER_FINAL:
        return False
    if lowercase_follows:
        # People write without capitals; but a short word may be an abbreviation that no list here holds.
        return len(word) > _LONGEST_UNLISTED_ABBREVIATION and word not in _BEFORE_NUMBER | _MAYBE_FINAL
    next_word = _WORD_AFTER.match(text, border + 1, end)
    if word in _BEFORE_NUMBER:
        return not text[border + 1 : border + 2].isdigit()
    if is_cjk(text[border + 1 : border + 2] or " "):
        return not _INITIALS.fullmatch(word_match.group()) or len(word) == 1
    if word in _MAYBE_FINAL:
        return next_word is not None and next_word.group().lower() in _OPENERS
    if len(word) == 1 and word_match.group().isupper():
        # An initial (`J. Smith`) or the last word (`vitamin C. It …`).
        return next_word is not None and next_word.group().lower() in _OPENERS
    return True


def _is_abbreviation(text: str, opened: int, mark_start: int) -> bool:
    """Whether initials or a known abbreviation end before the mark, as in `J.A.霍布森`."""
    word = _WORD_BEFORE.search(text, max(opened, mark_start - 24), mark_start)
    return word is not None and (
        _INITIALS.fullmatch(word.group()) is not None or word.group().lower() in _NEVER_FINAL | _MAYBE_FINAL
    )


def _lowercase_follows(text: str, border: int, end: int) -> bool:
    """Whether the next word on the same line begins with a small letter, and is no name such as mRNA or pH."""
    opening = _NEXT_CHARACTER.match(text, border, end)
    return opening is not None and text[opening.end() - 1].islower()


def _runs_on(text: str, mark_start: int, mark_end: int, end: int) -> bool:
    """Whether a line break falls inside an English sentence: a small letter or comma before, one after."""
    if mark_end - mark_start > 1 or mark_end >= end or mark_start == 0:
        return False
    before = text[mark_start - 1]
    return (before.islower() or before in ",-") and text[mark_end].islower()


def _is_wrapped(text: str, mark_start: int, mark_end: int, end: int) -> bool:
    """Whether a line break looks like the end of a full line rather than of a heading, an item or a sentence."""
    line = text[text.rfind("\n", 0, mark_start) + 1 : mark_start].rstrip()
    if mark_end - mark_start > 1 or mark_end >= end or not line:
        return False
    if line[-1] in "。！？!?….:：;；" or line.lstrip().startswith("#") or _NEW_ITEM.match(text, mark_end):
        return False
    if is_han(line[-1]) or line[-1] in "，、":
        return len(line) >= _FULL_HAN_LINE
    return len(line) >= _FULL_LINE and not text[mark_end].isupper()


def _inside_parenthesis(text: str, opened: int, mark_start: int, mark_end: int, end: int) -> bool:
    """Whether the mark stands within a short parenthesis of the sentence that began at `opened`."""
    begin = max(opened, mark_start - _PAREN_REACH)
    depth = 0
    for char in text[begin:mark_start]:
        if char in _OPENING_PAREN:
            depth += 1
        elif char in _CLOSING_PAREN:
            depth = max(0, depth - 1)
    if depth == 0:
        return False
    for position in range(mark_end, min(end, mark_end + _PAREN_REACH)):
        char = text[position]
        if char in _OPENING_PAREN or char == "\n":
            return False
        if char in _CLOSING_PAREN:
            # `(A whole sentence.)` ends there, if it began there.
            return text[opened:mark_start].lstrip()[:1] not in _OPENING_PAREN
    return False
