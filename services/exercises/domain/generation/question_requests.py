"""Asking a model for a question: the prompt of its kind, a stretch of material, a sentence in it; and its answer."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from services.exercises.domain.prompts.prompt import Prompt
from services.exercises.domain.prompts.question import FALSE_STATEMENT, QUESTIONS, QuestionAnswer
from services.exercises.domain.text.statements import is_open
from services.exercises.values.chat import ChatRequest
from services.exercises.values.question import QuestionKind
from services.language.detection import LANGUAGES

_FALSE_SHARE = 0.5
"""Of the sentences that can be made false, how many are. The others, and those that leave room, stay true."""
_READ_BEFORE = _READ_AFTER = 250
"""Characters around the sentence in question that a model gets to read: reading is what costs a small one time."""


def question_prompt_of(kind: QuestionKind, focus: str, seed: int) -> Prompt[QuestionAnswer]:
    """Return the prompt that asks for a question of a kind about the sentence `focus`.

    Whether a statement is to be true or false is drawn from the seed: left to itself, a model writes true ones.
    """
    if kind is QuestionKind.TRUE_FALSE:
        drawn = random.Random(seed).random()  # noqa: S311 - variety, not secrets
        if drawn < _FALSE_SHARE and not is_open(focus):
            return FALSE_STATEMENT
    return QUESTIONS[kind]


def question_request(
    prompt: Prompt[QuestionAnswer],
    passage: str,
    *,
    focus: str,
    avoid: Sequence[str],
    model: str,
    seed: int,
    temperature: float,
) -> ChatRequest:
    """Return the request for one question about the sentence `focus` of a passage, unlike the stems in `avoid`.

    Without a focus, the model chooses what to ask about at the passage's beginning.
    """
    return prompt.request(
        LANGUAGES.of(passage),
        material=_around(focus, passage),
        focus=focus,
        avoid=json.dumps(list(avoid), ensure_ascii=False) if avoid else "",
        model=model,
        seed=seed,
        temperature=temperature,
    )


def answer_of(kind: QuestionKind, value: Mapping[str, Any]) -> QuestionAnswer:
    """Return the question of a kind in a model's JSON.

    A statement is true or false by how it is written, whichever of the two the model was asked for.

    Raises:
        RefusedError: INVALID_JSON, a field is missing, blank or of another type.
    """
    false = kind is QuestionKind.TRUE_FALSE and "original" in value
    return (FALSE_STATEMENT if false else QUESTIONS[kind]).answer.decode(value)


def _around(focus: str, passage: str) -> str:
    """Return the part of a passage around `focus`; its beginning where the focus is not found letter for letter."""
    middle = max(0, passage.find(focus))
    start = max(0, middle - _READ_BEFORE)
    return passage[start : middle + len(focus) + _READ_AFTER].strip()
