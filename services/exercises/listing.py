"""Lists inside sentences: what a question with several right answers is made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

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


def list_rank(sentence: str, language: str) -> int:
    """How likely a sentence holds a list that several right answers can be taken from: 2 surely, 1 perhaps, 0 not."""
    if _SURE[language].search(sentence):
        return 2
    return 1 if _LIKELY[language].search(sentence) else 0


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
