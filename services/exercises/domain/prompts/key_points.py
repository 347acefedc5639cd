"""Asking a model what a learner should take from sentences of a material."""

from __future__ import annotations

from services.exercises.domain.prompts.prompt import Prompt, StructuredAnswer


class QuotedPoint(StructuredAnswer):
    """A sentence of the material, and what it teaches."""

    quote: str
    text: str


class KeyPoints(StructuredAnswer):
    """The key points of a material, the most important first."""

    key_points: list[QuotedPoint]


KEY_POINTS = Prompt.load("key_points", KeyPoints, 1200)
