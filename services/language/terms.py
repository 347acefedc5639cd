"""The words by which two texts are compared, whatever their inflection.

Chinese ones are character bigrams, the classic unit of dictionary-free Chinese retrieval (Nie, Gao, Zhang and Zhou, "On
the use of words and n-grams for Chinese information retrieval", IRAL 2000).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from services.language.detection import LANGUAGES, Languages
from services.language.folding import bigrams
from services.language.language import Language
from services.language.scripts import HAN, HAN_RUN, SPELLED, is_han

_SPELLED = re.compile(r"[a-z0-9\u00df-\u024f]+(?:[.,'’][a-z0-9\u00df-\u024f]+)*")


def terms(text: str, languages: Languages = LANGUAGES) -> frozenset[str]:
    """Return the stems of spelled words and the bigrams of Chinese runs, which are cut at function words.

    Traditional characters are told as simplified ones, in which the function words are.
    """
    folded = languages.one_spelling(unicodedata.normalize("NFKC", text).casefold())
    own = languages.spelled(folded).words
    found = {
        own.stem(word.replace("’", "'"))
        for word in _SPELLED.findall(folded)
        if word in own.counting or (word not in own.function and word not in own.asking)
    }
    if folded.isascii():
        return frozenset(found)
    for run in HAN_RUN.findall(folded):
        for segment in _function_words(languages.of(run)).split(run):
            if len(segment) == 1:
                found.add(segment)
            found.update(segment[i : i + 2] for i in range(len(segment) - 1))
    return frozenset(found)


@lru_cache(maxsize=8)
def _function_words(language: Language) -> re.Pattern[str]:
    """Compile the function words of a language without spaces, the longest first."""
    return re.compile("|".join(map(re.escape, sorted(language.words.function, key=lambda word: (-len(word), word)))))


def coverage(wanted: frozenset[str], text_terms: frozenset[str]) -> float:
    """Return the share of `wanted` that a text holds, 0 to 1; 0 when nothing is wanted.

    A spelled term weighs one. A Han character weighs a half, and is held when one of its bigrams is: the bigrams
    that straddle two words ("腾作" in 蒸腾作用) would otherwise count against a text that holds one of the words.
    """
    return _weight(wanted & text_terms) / _weight(wanted) if wanted else 0.0


def _weight(found: frozenset[str]) -> float:
    han = [term for term in found if is_han(term[0])]
    return len(found) - len(han) + 0.5 * len(set().union(*han))


_WORD = re.compile(f"{SPELLED}+")
_WORD_OR_IDEOGRAPH = re.compile(f"{SPELLED}+|[{HAN}]")


def units(text: str, language: Language | None = None) -> set[str]:
    """Return what texts may share: stems of words that are no grammar in a language, pairs of ideographs, numbers."""
    plain = text.casefold()
    own = (language or LANGUAGES.spelled(plain)).words
    found = {own.stem(word) for word in _WORD.findall(plain) if word not in own.function and len(word) > 1}
    if text.isascii():
        return found
    return found | {pair for run in HAN_RUN.findall(text) for pair in bigrams(run)}


def content_words(text: str) -> list[str]:
    """Return the words of a text in order, without fillers: stems of spelled ones, ideographs one by one."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    own = LANGUAGES.spelled(plain).words
    found = _WORD_OR_IDEOGRAPH.findall(plain)
    kept = (word for word in found if not any(word in language.words.fillers for language in LANGUAGES))
    return [word if is_han(word) else own.stem(word) for word in kept]
