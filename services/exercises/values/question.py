"""Questions and what they are made of, as the domain knows them.

Offsets are Unicode code points into a document's normalized text, from 0, half-open.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum

from services.common.values import Source

GAP = "____"
"""How a stem writes a gap."""


class QuestionKind(StrEnum):
    """How a question is answered."""

    SINGLE_CHOICE = "single_choice"
    MULTIPLE_CHOICE = "multiple_choice"
    TRUE_FALSE = "true_false"
    FILL_IN_THE_BLANK = "fill_in_the_blank"
    SHORT_ANSWER = "short_answer"


class Generator(StrEnum):
    """What made a question."""

    MODEL = "model"
    CLOZE = "cloze"


class GeneratorChoice(StrEnum):
    """Which generators may serve."""

    MODEL_THEN_CLOZE = "model_then_cloze"
    MODEL_ONLY = "model_only"
    CLOZE_ONLY = "cloze_only"


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of material: `text` is the slice [start, start + len(text)) of its document's normalized text."""

    text: str
    start: int = 0
    page: int = 0
    """Page on which it starts, from 1; 0 when the source has no pages."""
    document_id: str = ""
    document_name: str = ""
    chunk_id: str = ""
    page_starts: tuple[int, ...] = ()
    """Offsets in the normalized text at which the pages after `page` begin within the passage, in order."""
    heading_path: tuple[str, ...] = ()
    """Headings above it, outermost first."""

    def page_at(self, offset: int) -> int:
        """Return the page of the character at `offset` of the normalized text; 0 when the source has no pages."""
        return self.page + bisect_right(self.page_starts, offset)

    def source(self, start: int, end: int) -> Source:
        """Return the source of the slice [start, end) of the passage."""
        return Source(
            start=self.start + start,
            end=self.start + end,
            quote=self.text[start:end],
            page=self.page_at(self.start + start),
            document_id=self.document_id,
            document_name=self.document_name,
            chunk_id=self.chunk_id,
        )


@dataclass(frozen=True, slots=True)
class RubricPoint:
    """One thing that a full short answer says."""

    text: str
    points: float


@dataclass(frozen=True, slots=True)
class Option:
    """One choice under its letter."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """What a right answer is. Which fields are set depends on the kind."""

    option_keys: tuple[str, ...] = ()
    truth: bool | None = None
    blanks: tuple[tuple[str, ...], ...] = ()
    reference: str = ""
    rubric: tuple[RubricPoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A question that passed every check."""

    question_id: str
    number: int
    kind: QuestionKind
    stem: str
    options: tuple[Option, ...]
    answer_key: AnswerKey
    explanation: str
    source: Source
    generator: Generator
    model: str
    points: float


@dataclass(frozen=True, slots=True)
class Substitution:
    """What made a true statement false: `new` stands where `old` stood."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A question before the checks. Which fields are set depends on the kind."""

    kind: QuestionKind
    stem: str
    quote: str
    """What the generator says the passage says; verbatim only once it was found there."""
    explanation: str
    generator: Generator
    options: tuple[str, ...] = ()
    correct: tuple[int, ...] = ()
    """Positions of the right options, from 0."""
    truth: bool | None = None
    substitution: Substitution | None = None
    """Of a false statement, what makes it false."""
    blanks: tuple[tuple[str, ...], ...] = ()
    """Accepted answers of each gap, the key first."""
    reference: str = ""
    rubric: tuple[RubricPoint, ...] = ()
    model: str = ""
    passage: int = 0
    """Position of the passage in the run's material."""
    second: bool = False
    """Whether it is asked only where the material gives nothing better: it leans on others, or other words may fit."""
    lead: str = ""
    """What a stem says before its statement: what the statement is about."""

    @property
    def statement(self) -> str:
        """The stem without its lead."""
        return self.stem.removeprefix(self.lead)
