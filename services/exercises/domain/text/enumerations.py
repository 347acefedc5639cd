"""Lists inside sentences: what a question with several right answers is made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from itertools import pairwise

from services.language.detection import LANGUAGES
from services.language.folding import fold
from services.language.language import Language
from services.language.scripts import whole

_FEWEST_MEMBERS, _MOST_MEMBERS = 3, 5


class ListRank(IntEnum):
    """How likely a sentence holds a list that several right answers can be taken from."""

    NONE = 0
    LIKELY = 1
    SURE = 2


def list_rank(sentence: str, language: Language) -> ListRank:
    """Return how likely a sentence holds a list."""
    lists = language.reading.lists
    if lists.sure.search(sentence):
        return ListRank.SURE
    return ListRank.LIKELY if lists.likely.search(sentence) else ListRank.NONE


@cache
def _separator() -> re.Pattern[str]:
    """Compile what stands between two members of a list, other members included, in any language."""
    separators = "|".join(language.reading.lists.separator for language in LANGUAGES)
    return re.compile(rf"\s*(?:{separators})\s*", re.IGNORECASE)


def stand_in_list(items: Sequence[str], sentence: str) -> bool:
    """Return whether only separators or other members stand between items in a sentence, so that it says one of all."""
    found = [re.search(whole(item.strip()), sentence, re.IGNORECASE) for item in items]
    places = sorted(place.span() for place in found if place is not None)
    between = [sentence[end:start] for (_, end), (start, _) in pairwise(places)]
    return None not in found and bool(between) and all(map(_separator().fullmatch, between))


def enumeration(text: str, language: Language) -> tuple[int, int, tuple[str, ...]] | None:
    """Return where a closed list stands in a sentence, [start, end), and its three to five members; else None."""
    lists = language.reading.lists
    match = None if lists.open.search(text) else lists.closed.search(text)
    while match is not None:
        members = [lists.article.sub("", part.strip()) for part in lists.between.split(match["list"])]
        distinct = {fold(member) for member in members}
        if (
            _FEWEST_MEMBERS <= len(distinct) == len(members) <= _MOST_MEMBERS
            and all(members)
            and all(map(lists.is_member, members))
        ):
            return match.start("list"), match.end("list"), tuple(members)
        match = lists.closed.search(text, match.start() + 1)
    return None
