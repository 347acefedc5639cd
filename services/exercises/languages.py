"""Which language a text is in, of those that questions are made in."""

from __future__ import annotations

from services.exercises.texts import is_han

CHINESE = "zh"
ENGLISH = "en"

_LETTERS_PER_WORD = 5
_HAN_PER_WORD = 1.6


def language_of(text: str) -> str:
    """`zh` or `en`: the language that most of the text's words are in.

    A Chinese word is counted as 1.6 ideographs and a Latin one as 5 letters, so that Chinese prose full of English
    terms stays Chinese. Text in neither script counts as English, whose rules ask least of a text.
    """
    han = sum(map(is_han, text))
    letters = sum(char.isalpha() for char in text) - han
    return CHINESE if han / _HAN_PER_WORD > letters / _LETTERS_PER_WORD * 0.7 else ENGLISH


def fits(text: str, language: str, *, short: bool = False) -> bool:
    """Whether a text may stand in a question of a language.

    `short` is for options and answers, where a name or formula in Latin letters belongs into a Chinese question;
    ideographs in an English one do not.
    """
    han = sum(map(is_han, text))
    if language == CHINESE:
        return short or (han > 0 and language_of(text) == CHINESE)
    return han == 0 or (not short and language_of(text) == ENGLISH and han <= len(text) * 0.1)
