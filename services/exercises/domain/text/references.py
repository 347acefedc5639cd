"""Texts that speak of the material or of the question instead of their subject."""

from __future__ import annotations

from services.language.detection import LANGUAGES, as_language
from services.language.language import Language


def refers_to_passage(text: str, language: Language | str) -> bool:
    """Tell whether a text speaks of the material, which the learner does not see."""
    return as_language(language).reading.passage_reference.search(text) is not None


def is_about_the_question(explanation: str, language: Language | str, material: str) -> bool:
    """Tell whether an explanation speaks of the material or of how the question was made, and not of its subject.

    What the material itself says is no such talk: it may tell of the passage of time.
    """
    said = material.casefold()
    # A model may speak of its task in another language than the question's.
    of_the_task = [known.reading.question_reference for known in LANGUAGES]
    return any(
        found[0].casefold() not in said
        for pattern in (as_language(language).reading.passage_reference, *of_the_task)
        for found in pattern.finditer(explanation)
    )
