"""Telling a text in a language that is none of ours from one in a language: by script, and by words of grammar.

A detector was compared: lingua takes 96 MB, pycld2 14 MB of a library that nobody changes, and both are made for texts
longer than a question. What is asked here is less: whether a text that should be in one language is.
"""

from __future__ import annotations

import re
from functools import lru_cache

from services.language.detection import LANGUAGES
from services.language.language import Language
from services.language.patterns import words
from services.language.scripts import HAN, LATIN

_OTHER_LETTERS = re.compile(rf"[^\W\d_{HAN}{LATIN}Ḁ-ỿªµº]+")
"""Letters of a script that neither Chinese nor English has."""
_SYMBOL = re.compile(r"(?<![Α-ώ])[Α-ώ]{1,2}(?![Α-ώ])")
"""Greek letters of a formula."""
_WORD = re.compile(rf"[{LATIN}]+(?:['’][{LATIN}]+)*")
_NAMED = re.compile(r"《[^》]*》|“[^”]*”|\"[^\"]*\"|「[^」]*」|[(（][^)）]*[)）]")
"""Titles, quotations and brackets, which may be in any language."""
_TELLING = 3
"""Letters of a word of grammar that tells its language: shorter ones are words of several."""
_OTHERS = words(
    """
    le la les de où se des une du est dans qui que quoi quel quelle quels pour avec sur pourquoi combien au aux et
    sont cette der die das und ist wie warum wer welche welcher welches wurde werden für mit von zu den dem ein eine
    nicht wann wo zum el los las una es por cuál cuáles quién qué cómo cuándo del para fue según con su más il lo
    gli che chi perché della nel quale quando dove sono nella di è o os uma qual quem foi na no nos quais são em seu
    het een van wat wanneer waarom werd en op voor zijn är och vad vem som den det på hvad hvem er til jest jaka
    jaki jakie kto dlaczego w i na się co kdo byl jak proč care cine este și în pentru nedir ve bir için kim neden
    mikä kuka ja miksi on ki mi volt miért egy hogyan apa yang siapa mengapa dan di adalah là gì của và những các
    không ai khi nào
    """
)
"""Frequent words of grammar of languages that are written like English; some are English words as well."""


def is_foreign(text: str, language: Language, known: str = "", *, question: bool = False) -> bool:
    """Return whether a text is in another language than it should be; what stands in `known` may be in any.

    A `question` has words that ask: one without any of the language's words of grammar is in another.
    """
    if text.strip() in known:
        return False
    if not text.isascii() and _other_letters(text, known) > 1:
        return True
    found = _WORD.findall(_NAMED.sub(" ", text))
    plain = [word for word in found[1:] if word[0].islower()]
    plain += [found[0].lower()] if found else []
    others = sum(map(_words_of_others(language).__contains__, plain))
    if not language.spaced:
        english = sum(any(word in _telling_words(one) for one in LANGUAGES) for word in plain)
        return english >= 2 or others + english >= _TELLING
    ours = sum(map(_telling_words(language).__contains__, plain))
    if others >= 2 and others > ours:
        return True
    asks = question and language.stems.asking_words
    return bool(asks) and not ours and len(plain) >= _TELLING and plain[-1] not in _grammar(language)


def _other_letters(text: str, known: str) -> int:
    return sum(len(run) for run in _OTHER_LETTERS.findall(_SYMBOL.sub("", text)) if run not in known)


@lru_cache(maxsize=8)
def _words_of_others(language: Language) -> frozenset[str]:
    return _OTHERS - _grammar(language)


@lru_cache(maxsize=8)
def _telling_words(language: Language) -> frozenset[str]:
    return frozenset(word for word in _grammar(language) if len(word) >= _TELLING)


@lru_cache(maxsize=8)
def _grammar(language: Language) -> frozenset[str]:
    """Return the words by which a language is known; one without spaces is known by what it does not have."""
    if not language.spaced:
        return frozenset()
    return language.words.function | language.words.asking | language.stems.asking_words
