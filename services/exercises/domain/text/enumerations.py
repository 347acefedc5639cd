"""Lists inside sentences: what a question with several right answers is made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

from services.language.detection import CHINESE
from services.language.folding import fold
from services.language.key_terms import is_verb

_SEPARATOR = re.compile(
    r"\s*(?:(?:、[^，。；：、]{1,10})*[，、]?(?:、|和|与|以及|及|或)"
    r"|(?:,(?: [\w-]+){1,3})*(?: [\w-]+)?(?:,? ?(?:and|or)|,)(?: (?:the|an?))?)\s*",
    re.IGNORECASE,
)
"""Other members of the list may stand between, and in English a word that both sides share: `red light and blue
light`."""
_SURE = {"zh": re.compile(r"、"), "en": re.compile(r",(?: [\w-]+){1,3},? (?:and|or) ", re.IGNORECASE)}
_LIKELY = {
    "zh": re.compile(r"[^，。；：、]{2,8}(?:和|与|以及)[^，。；：、]{2,8}"),
    "en": re.compile(r"\b[\w-]+ and [\w-]+", re.IGNORECASE),
}


class ListRank(IntEnum):
    """How sure it is that a sentence lists things."""

    NONE = 0
    LIKELY = 1
    SURE = 2


def list_rank(sentence: str, language: str) -> ListRank:
    """Return how sure it is that a sentence holds a list that several right answers can be taken from."""
    if _SURE[language].search(sentence):
        return ListRank.SURE
    return ListRank.LIKELY if _LIKELY[language].search(sentence) else ListRank.NONE


def stand_in_list(items: Sequence[str], sentence: str) -> bool:
    """Whether items stand beside one another in a sentence, with nothing between two but a comma, `、` or `and`: what
    it says of one, it says of all."""
    places: list[tuple[int, int]] = []
    for item in items:
        pattern = re.escape(item.strip())
        if item[:1].isascii():
            pattern = rf"(?<!\w){pattern}(?!\w)"
        found = re.search(pattern, sentence, re.IGNORECASE)
        if found is None:
            return False
        places.append(found.span())
    places.sort()
    between = [sentence[end:start] for (_, end), (start, _) in pairwise(places)]
    return bool(between) and all(_SEPARATOR.fullmatch(text) for text in between)


_LIST_ZH = re.compile(
    r"(?:包括|包含|分为|分成|有|是|由|分别是|分别为|即|：|为|含有|需要|组成部分是)(?P<list>(?:[^，。；：、"
    r"！？和与及以的是（）()]{1,10}、){1,5}[^，。；：、！？和与及以的（）()]{1,10}?"
    r"(?:和|与|以及|及)[^，。；：、！？和与及的（）()等]{1,10}?)(?P<after>[。；，！]|(?:[两三四五六七八]"
    r"|\d)[个种类大部条层点]|组成|构成|$)"
)


_LIST_EN = re.compile(
    r"(?:\b(?:are|is|into|of|contains?|consists? of|comprises?|require|requires|need|needs|namely|has|have"
    r"|produces?|by)|:) "
    r"(?P<list>(?:(?:an?|the) )?[\w’'-]+(?: [\w’'-]+){0,2}, (?:(?:(?:an?|the) )?[\w’'-]+(?: [\w’'-]+){0,2}, ){0,4}?"
    r"(?:(?:an?|the) )?[\w’'-]+(?: [\w’'-]+){0,2},? and (?:(?:an?|the) )?[\w’'-]+(?: [\w’'-]+){0,2}?)(?=[.;])"
)


def enumeration(text: str, language: str) -> tuple[int, int, tuple[str, ...]] | None:
    """A closed list in a sentence: where it stands, [start, end), and its three to five members.

    None when there is no list, or it leaves more open (`such as`, `等`).
    """
    if _OPEN_LIST.search(text):
        return None
    pattern = _LIST_ZH if language == CHINESE else _LIST_EN
    match = pattern.search(text)
    while match is not None:
        members = _members(match["list"], language)
        if members:
            return match.start("list"), match.end("list"), members
        match = pattern.search(text, match.start() + 1)
    return None


_OPEN_LIST = re.compile(
    r"等|例如|比如|诸如|主要|\b(?:such as|for example|includes?|including|mainly|not|no)\b", re.IGNORECASE
)


_NO_MEMBER = re.compile(r"(?:then|also|it|they|which|that|to|by|is|are|in|on|at|from|with|into|for|as)\b")


def _members(listed: str, language: str) -> tuple[str, ...]:
    """The three to five members of a list; empty when it is none of terms."""
    if language == CHINESE:
        members = [part.strip() for part in re.split(r"、|以及|和|与|及", listed)]
        fitting = all(2 <= len(member) <= 10 for member in members)
    else:
        members = [re.sub(r"^(?:and )?(?:an?|the) ", "", part.strip()) for part in re.split(r",? and |, ", listed)]
        fitting = not any(
            _NO_MEMBER.match(member) or is_verb(member.split()[0].casefold()) or member.casefold().endswith("ly")
            for member in members
            if member
        )
    if not 3 <= len(members) <= 5 or not all(members) or len({fold(member) for member in members}) < len(members):
        return ()
    return tuple(members) if fitting else ()
