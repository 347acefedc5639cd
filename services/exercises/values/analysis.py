"""What a material says and teaches: an extract of its own sentences, and an analysis."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.common.values import Source
from services.exercises.values.question import Generator, QuestionKind


class Level(StrEnum):
    """How demanding a text is."""

    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"


@dataclass(frozen=True, slots=True)
class KeyPoint:
    """One thing that a material teaches, on one line, and where it says so."""

    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class MaterialExtract:
    """What can be told about a material without a model."""

    key_sentences: tuple[KeyPoint, ...]
    """Central sentences, word for word, the most central first."""
    level: Level
    language: str
    carries: dict[QuestionKind, int]
    """Questions of each kind that the material can carry."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """How many questions of a kind a material can carry, and why."""

    kind: QuestionKind
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a material teaches."""

    key_points: tuple[KeyPoint, ...]
    level: Level
    language: str
    suggestions: tuple[Suggestion, ...]
    generator: Generator
    analyzed_length: int
    """Characters that were analyzed, in code points."""
    read_by_provider: bool = False
    """Whether the key points are from a file that the model's provider read, and not from the passages alone."""
