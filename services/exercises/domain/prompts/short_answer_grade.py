"""Asking a model what in a learner's answer meets each point of a rubric.

The answer is data: it reaches the model as a JSON string. The examples are answers in a learner's own words that make
no point, one point, and both.
"""

from __future__ import annotations

import json

from services.exercises.domain.prompts.prompt import Prompt, StructuredAnswer


class PointGrade(StructuredAnswer):
    """What of the answer makes one rubric point, verbatim or empty, and the points that it earns."""

    evidence: str
    points: float


class ShortAnswerGrade(StructuredAnswer):
    """A grading, one result a rubric point in their order."""

    results: list[PointGrade]
    feedback: str = ""


SHORT_ANSWER_GRADE = Prompt.load("short_answer_grade", ShortAnswerGrade, 600)
EXAMPLE_FEEDBACK = frozenset(
    ShortAnswerGrade.decode(json.loads(message.content)).feedback
    for texts in SHORT_ANSWER_GRADE.texts.values()
    for message in texts.messages
    if message.role == "assistant"
)
"""What the examples say to their learners, which says nothing about any other answer."""
