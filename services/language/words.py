"""The words by which two texts are compared, whatever their inflection: stems of spelled words, pairs of ideographs."""

from __future__ import annotations

import re

from services.language.detection import LANGUAGES
from services.language.folding import bigrams
from services.language.language import Language
from services.language.scripts import is_han

_SPELLED = re.compile(r"[a-z0-9]+")


def units(text: str, language: Language | None = None) -> set[str]:
    """Return what two texts may have in common: stems of the words that are no grammar, pairs of ideographs, numbers.

    `language` is that of the spelled words; without one it is judged by them.
    """
    plain = text.casefold()
    own = (language or LANGUAGES.spelled(plain)).words
    found = {own.stem(word) for word in _SPELLED.findall(plain) if word not in own.function and len(word) > 1}
    if text.isascii():
        return found
    han = "".join(char if is_han(char) else " " for char in text)
    return found | {pair for run in han.split() for pair in bigrams(run)}
