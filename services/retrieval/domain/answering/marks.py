"""Citation marks in a stream of text: found in every form that models use, and even when split."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from services.language.detection import LANGUAGES

_NUMBER = r"\d{1,3}"
_OPENING = re.compile(
    r"\s*(?:(?P<tag><sup>)|(?P<bracket>[\[【［〔]{1,2})|(?P<round>[(（])|(?P<raised>[⁰¹²³⁴-⁹]{1,3}|\^\d{1,2}|[①-⑳]))"
)
_CLOSING = {
    "tag": re.compile("</sup>"),
    "bracket": re.compile(r"[\]】］〕]{1,2}"),
    "round": re.compile(r"[)）]"),
}
_OPEN_TAG = re.compile(r"\s*<(?:s(?:up?)?)?\Z")
"""The beginning of a tag, of which the rest may follow."""
_MAY_GO_ON = re.compile(r"[⁰¹²³⁴-⁹\]】］〕]\Z")
"""The end of a text to which the next character may belong."""
_LONGEST_MARK = 32
"""Most code points between the brackets of a mark."""
_LONGEST_RANGE = 20
"""Most passages that a range such as "[1-3]" may name."""
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", "^")
_AFTER_STATEMENT = re.compile(r"(?:[.,;:!?。，；：！？、\n)）\]\[①-⑳]|$)")
"""What follows a number in a circle that is a mark; before an item of a list stands the item."""
_TARGET = re.compile(r"\(#[\w-]*\)")
"""The target of a mark that was written as a link."""
_INDEXED = re.compile(r"(?<![A-Za-z])[a-z]\Z")
"""A name of one letter before a number in brackets, which is an index of it."""
_AFTER_ROUND = re.compile(r" ?(?:[.,;:!?。，；：！？、\n(（\[【［〔]|$)| (?:and|but|while|whereas|or|which)\b")
"""What follows a mark in round brackets: the end of a clause, or another mark."""
_BEFORE_ROUND = re.compile(r"(?:[a-zà-ɏ]{3}|[\w’'-]+ |[\u4e00-\u9fff”\"’」》%℃°\]])\Z")
"""What precedes one: a word with a space behind it or a long one, an ideograph, a quote, a unit."""
_NO_STATEMENT = re.compile(
    r"(?:\d|\b(?:eqs?|equations?|fig(?:ure)?s?|tables?|steps?|examples?|sections?|reactions?|formula|cases?|types?|parts?|no"
    r"|number|chapter|theorem|lemma)\.?|[式图表例步骤程应条型类节章])\s*\Z",
    re.IGNORECASE,
)
"""What precedes the number of an equation, a figure or a list, and a figure of its own."""
_POWERED = re.compile(r"(?:(?<![a-zà-ɏ])[A-Za-zÀ-ɏ]{1,2}|mol|rad|[\d米克秒升])\Z")
"""A symbol or a unit before a raised number, which is its power."""


@cache
def _separator() -> str:
    return "|".join((r"[,，、;；&]", *(language.answering.conjunction for language in LANGUAGES)))


@cache
def _mark() -> re.Pattern[str]:
    """Compile what stands between the brackets of a mark; a name of what is cited makes it one in any brackets.

    Asked for "[1]", models write "[1]", "[^1]", "[1, 2]", "[1-3]", "【1】", "【1†source】", "[ID:1]", "[Passage 1]".
    """
    names = "|".join(("ID", *(language.answering.passage for language in LANGUAGES)))
    name = rf"(?:{names})\s*[:：.]?"
    numbers = rf"{_NUMBER}(?:\s*(?:[–~-]|{_separator()})\s*(?:{name}\s*)?\^?{_NUMBER})*"
    place = r"(?:†[^†]{0,24}|\^|\s*[,，]\s*(?:pp?\.?\s*\d[\d–-]*|第\s?\d+\s?页))?"
    return re.compile(rf"^\s*(?P<name>{name})?\s*[#^]?\s*\[?(?P<numbers>{numbers})\]?\s*{place}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mark:
    """A citation mark as the model wrote it: the white space before it, and the numbers in it."""

    space: str
    numbers: tuple[int, ...]
    text: str = ""
    """What it is where no passage has its numbers: in round brackets or raised, a text of its own."""


class MarkScanner:
    """Cuts a stream of text into plain text and citation marks.

    White space and an opening bracket are held back until it is clear whether a mark follows; nothing else is.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._before = ""
        """The end of the text before what is pending."""

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
        if not final and (tag := _OPEN_TAG.search(text)):
            end = tag.start()
        for opening in _OPENING.finditer(text):
            if opening.start() < done:
                continue
            # A mark may follow a mark.
            before = "]" if done and done == opening.start() else (self._before + text[: opening.start()])[-24:]
            closed = self._closed(text, opening, final=final)
            if closed is None:
                end = opening.start()
                break
            mark = _read(text, opening, closed, before) if closed else None
            if mark is not None:
                found += [text[done : opening.start()], mark]
                done = closed
        end = max(end, done)
        self._pending = text[end:]
        self._before = "]" if done and done == end else (self._before + text[:end])[-24:]
        return [piece for piece in (*found, text[done:end]) if piece]

    def _closed(self, text: str, opening: re.Match[str], *, final: bool) -> int | None:
        """Return where what may be a mark ends: 0 if it is none, None while that is not known."""
        kind = opening.lastgroup or ""
        if kind == "raised":
            return opening.end() if final or opening.end() < len(text) else None
        window = text[opening.end() : opening.end() + _LONGEST_MARK]
        closing = _CLOSING[kind].search(window)
        if closing is None:
            return None if len(window) < _LONGEST_MARK and not final else 0
        closed = opening.end() + closing.end()
        rest = text[closed:]
        # What follows tells whether round brackets hold a mark, and how many square ones close.
        undecided = not rest.lstrip(" ") if kind == "round" else not rest and len(opening[kind]) > len(closing[0])
        if undecided and not final and _mark().match(LANGUAGES.one_spelling(window[: closing.start()])):
            return None
        return closed


def _read(text: str, opening: re.Match[str], closed: int, before: str) -> Mark | None:
    """Return the mark between an opening and where it closes; None if that is no mark."""
    kind = opening.lastgroup or ""
    whole = text[opening.start() : closed]
    space = whole[: len(whole) - len(whole.lstrip())]
    if kind == "raised":
        return _raised(text, opening, closed, before)
    if before.endswith("]") and _TARGET.fullmatch(whole):
        return Mark("", ())
    if kind == "bracket" and _INDEXED.search(before + space) and not _AFTER_STATEMENT.match(text[closed:].lstrip()):
        return None
    inside = whole.strip().removeprefix("<sup>").removesuffix("</sup>").lstrip("[【［〔(（").rstrip("]】］〕)）")
    found = _mark().match(LANGUAGES.one_spelling(inside))
    if found is None:
        return None
    certain = kind in {"bracket", "tag"} or bool(found["name"])
    if not certain and not _ends_statement(text, closed, before + space):
        return None
    return Mark(space, _numbers(found["numbers"]), "" if certain else whole)


def _raised(text: str, opening: re.Match[str], closed: int, before: str) -> Mark | None:
    """Return the mark that a raised number is, or one in a circle behind a statement."""
    written = opening["raised"]
    space = text[opening.start() : opening.start("raised")]
    if not before.strip() or (written[0] == "^" and not re.search(r"[.,;!?。，；！？）)”\"]\Z", before)):
        return None
    if "①" <= written[0] <= "⑳":
        stands = _AFTER_STATEMENT.match(text[closed:]) and not re.search(r"[:：、]\Z", before)
        return Mark(space, (ord(written) - ord("①") + 1,), space + written) if stands else None
    if _POWERED.search(before) or space:
        return None
    return Mark("", (int(written.translate(_RAISED)),), written)


def _ends_statement(text: str, closed: int, before: str) -> bool:
    """Return whether a number in round brackets stands as a mark does: behind a statement."""
    rest = text[closed:]
    ends = _BEFORE_ROUND.search(before) and _AFTER_ROUND.match(rest)
    return bool(ends) and not _NO_STATEMENT.search(LANGUAGES.one_spelling(before))


def _numbers(mark: str) -> tuple[int, ...]:
    numbers: list[int] = []
    for part in re.split(rf"\s*(?:{_separator()})\s*", mark, flags=re.IGNORECASE):
        first, *last = (int(n) for n in re.findall(_NUMBER, part))
        if last and first <= last[0] < first + _LONGEST_RANGE:
            numbers += range(first, last[0] + 1)
        else:
            numbers += [first, *last]
    return tuple(dict.fromkeys(numbers))
