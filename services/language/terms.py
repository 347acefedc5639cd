"""The words that carry meaning, comparable across inflection and without a dictionary.

Latin words are case-folded, stripped of English inflection and stop words; Chinese runs are cut at function words
and become character bigrams, the classic unit of dictionary-free Chinese retrieval (Nie, Gao, Zhang and Zhou,
"On the use of words and n-grams for Chinese information retrieval", IRAL 2000).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from services.language.scripts import HAN, is_han, mostly_han

Script = Literal["zh", "latin"]

_LATIN_WORD = re.compile(r"[a-z0-9\u00df-\u024f]+(?:[.,'’][a-z0-9\u00df-\u024f]+)*")
_HAN_RUN = re.compile(f"[{HAN}]+")

_ENGLISH_FUNCTION_WORDS = """
a about after also an and are as at be been before being between but by called can could did do does down
during explain for from had has have he her hers herself him himself his how i if in into is it its itself
kind many may me might much my no not of on only or other our out over please same she should so such tell
than that the their them then there these they this those to type under up us was we were what when where
which who whom whose why will with would you your
"""
_ENGLISH_STOP_WORDS = frozenset(_ENGLISH_FUNCTION_WORDS.split())
_CHINESE_FUNCTION_WORDS = re.compile(
    "什么|哪些|哪个|哪种|哪里|哪一|多少|为什么|为何|如何|怎么|怎样|是否|请问|谁|几|的|了|是|在|和|与|吗|呢|有|被|把|对|从|到|于|为|以"
    "|之|其|这|那|哪|个|种|些|中|上|下|时|年|及|或|而|并|也|都|一"
)


def script_of(text: str) -> Script:
    """Say whether a text is Chinese or in Latin script; a Han character weighs as much as a Latin word."""
    return "zh" if mostly_han(text) else "latin"


def terms(text: str) -> frozenset[str]:
    """Return the set of stems and bigrams of a text; empty when it holds function words only."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found: set[str] = set()
    for word in _LATIN_WORD.findall(folded):
        if word not in _ENGLISH_STOP_WORDS:
            found.add(_stem(word))
    for run in _HAN_RUN.findall(folded):
        for segment in _CHINESE_FUNCTION_WORDS.split(run):
            if len(segment) == 1:
                found.add(segment)
            found.update(segment[i : i + 2] for i in range(len(segment) - 1))
    return frozenset(found)


def coverage(wanted: frozenset[str], text_terms: frozenset[str]) -> float:
    """Return the share of ``wanted`` that a text holds, 0 to 1; 0 when nothing is wanted.

    A Latin term weighs one. A Han character weighs a half, and is held when one of its bigrams is: the bigrams
    that straddle two words ("腾作" in 蒸腾作用) would otherwise count against a text that holds one of the words.
    """
    return _weight(wanted & text_terms) / _weight(wanted) if wanted else 0.0


def _weight(found: frozenset[str]) -> float:
    han = [term for term in found if is_han(term[0])]
    return len(found) - len(han) + 0.5 * len(set().union(*han))


def _stem(word: str) -> str:
    """Strip the commonest English endings; crude on purpose, since both sides are stripped alike."""
    word = word.replace("’", "'").removesuffix("'s")
    if len(word) <= 3 or word[0].isdigit():
        return word
    for ending, replacement in (("ies", "y"), ("ing", ""), ("ed", ""), ("ly", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending) + replacement
            break
    return word.removesuffix("e") if len(word) > 4 else word
