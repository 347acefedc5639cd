"""Questions about the material as a whole, such as "What is this document about?".

No passage lies near them and none holds their words. So they are answered from an even spread of the documents, and
the relevance gate, which would refuse them, is not asked.
"""

from __future__ import annotations

from functools import cache

from services.language.detection import LANGUAGES
from services.language.terms import terms


def is_overview(question: str) -> bool:
    """Say whether a question is about the material as a whole and names nothing in it."""
    without = question
    for language in LANGUAGES:
        without = language.answering.overview.sub(" ", without)
    spoken = terms(without)
    return (without != question or bool(spoken & _words())) and not spoken - _words()


@cache
def _words() -> frozenset[str]:
    return frozenset().union(*(terms(language.answering.overview_words) for language in LANGUAGES))
