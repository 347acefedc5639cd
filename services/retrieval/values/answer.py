"""The events of a cited answer: its sources, its text with citations, and its end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from services.common.values import Source, TokenUsage
from services.retrieval.values.chunk import LegReport


class AnswerOutcome(Enum):
    """How an answer ended."""

    ANSWERED = "answered"
    NOT_IN_MATERIAL = "not_in_material"


@dataclass(frozen=True, slots=True)
class Portion:
    """What a model reads of a passage, under the number by which it cites the passage."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class AnswerSources:
    """The passages that the answer may cite, number 1 first, and how the legs went; always the first event."""

    sources: tuple[Source, ...]
    legs: tuple[LegReport, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """Text to append to the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A mark of the answer, `[answer_start, answer_end)` in code points, and what it cites."""

    number: int
    source: Source
    answer_start: int
    answer_end: int


@dataclass(frozen=True, slots=True)
class AnswerRestarted:
    """What came so far was no answer: it is to be dropped with its citations."""


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """The end; `text` is all deltas since the answer began joined, `model` is empty when none was asked."""

    outcome: AnswerOutcome
    text: str
    usage: TokenUsage
    model: str
    model_reason: str = ""
    """How the model failed, if it did: why the sources had to answer, or why the answer is not whole."""
    model_message: str = ""


AnswerEvent = AnswerSources | AnswerDelta | Citation | AnswerRestarted | AnswerDone
