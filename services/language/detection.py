"""Which language a text is in, of those that questions are made in."""

from __future__ import annotations

from services.language.scripts import is_han, mostly_han

CHINESE = "zh"
ENGLISH = "en"


def language_of(text: str) -> str:
    """`zh` or `en`: the language that most of the text's words are in.

    Text in neither script counts as English, whose rules ask least of a text.
    """
    return CHINESE if mostly_han(text) else ENGLISH


def fits(text: str, language: str, *, short: bool = False) -> bool:
    """Whether a text may stand in a question of a language.

    `short` is for options and answers, where a name or formula in Latin letters belongs into a Chinese question;
    ideographs in an English one do not.
    """
    han = 0 if text.isascii() else sum(map(is_han, text))
    if language == CHINESE:
        return short or (han > 0 and language_of(text) == CHINESE)
    return han == 0 or (not short and language_of(text) == ENGLISH and han <= len(text) * 0.1)
