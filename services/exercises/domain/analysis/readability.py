"""How demanding a text is: a language's own formula, on one scale."""

from __future__ import annotations

from collections.abc import Sequence

from services.exercises.values.analysis import Level
from services.language.language import Language


def level_of(sentences: Sequence[str], language: Language) -> Level:
    """Return the level of a text that is given as its sentences; BEGINNER for an empty one."""
    formula = language.readability
    difficulty = formula.difficulty(sentences) if sentences else 0.0
    if not sentences or difficulty < formula.easy:
        return Level.BEGINNER
    return Level.INTERMEDIATE if difficulty <= formula.hard else Level.ADVANCED
