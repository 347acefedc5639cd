"""From what a model writes to a draft of a question."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from services.exercises.checking import Refusal, RefusedError
from services.exercises.question import GAP, Draft, Generator, QuestionKind, RubricPoint
from services.exercises.texts import fold


class JsonObjectScanner:
    """Finds the end of the first JSON object in a text that comes in pieces.

    Small models go on with blanks or a second object after the first: reading stops where the object closes.
    """

    def __init__(self) -> None:
        self._object: list[str] = []
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.closed = False

    def feed(self, text: str) -> bool:
        """Takes the next piece; True once the object is closed."""
        for char in text:
            if self.closed or (self._depth == 0 and char != "{"):
                continue
            self._object.append(char)
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif char == "\\":
                    self._escaped = True
                elif char == '"':
                    self._in_string = False
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                self.closed = self._depth == 0
        return self.closed

    def value(self) -> dict[str, Any]:
        """The object; RefusedError when it never closed or is no valid JSON."""
        if self.closed:
            try:
                value = json.loads("".join(self._object), strict=False)
            except ValueError:
                value = None
            if isinstance(value, dict):
                return value
        raise RefusedError(Refusal.INVALID_JSON)


def draft_of(kind: QuestionKind, value: dict[str, Any], *, passage: int, model: str, rng: random.Random) -> Draft:
    """The draft in a model's JSON; RefusedError when a field is missing or of another type.

    Options are shuffled, since models like to put the right one first.
    """
    quote = _text(value, "quote")
    stem = _text(value, "stem")
    if kind is QuestionKind.SHORT_ANSWER:
        reference = _text(value, "reference")
        return Draft(
            kind=kind,
            stem=stem,
            quote=quote,
            explanation=reference,
            generator=Generator.MODEL,
            reference=reference,
            rubric=tuple(RubricPoint(point, 1.0) for point in _distinct(_texts(value, "rubric"))),
            model=model,
            passage=passage,
        )
    explanation = _text(value, "explanation")
    options: list[str] = []
    right: list[str] = []
    truth: bool | None = None
    blanks: tuple[tuple[str, ...], ...] = ()
    match kind:
        case QuestionKind.SINGLE_CHOICE:
            right = [_bare(_text(value, "answer"))]
            options = right + [_bare(text) for text in _texts(value, "distractors")]
        case QuestionKind.MULTIPLE_CHOICE:
            right = [_bare(text) for text in _texts(value, "correct")]
            options = right + [_bare(text) for text in _texts(value, "wrong")]
        case QuestionKind.TRUE_FALSE:
            truth = value.get("truth")
            if not isinstance(truth, bool):
                raise RefusedError(Refusal.INVALID_JSON)
        case QuestionKind.FILL_IN_THE_BLANK:
            answer = _text(value, "answer").rstrip("。.")
            stem = _with_gap(stem, answer, quote)
            blanks = ((answer,),)
    order = list(range(len(options)))
    rng.shuffle(order)
    return Draft(
        kind=kind,
        stem=stem,
        quote=quote,
        explanation=explanation,
        generator=Generator.MODEL,
        options=tuple(options[i] for i in order),
        correct=tuple(position for position, i in enumerate(order) if i < len(right)),
        truth=truth,
        blanks=blanks,
        model=model,
        passage=passage,
    )


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not text.strip():
        raise RefusedError(Refusal.INVALID_JSON)
    return text.strip()


def _texts(value: dict[str, Any], name: str) -> list[str]:
    texts = value.get(name)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise RefusedError(Refusal.INVALID_JSON)
    return [text.strip() for text in texts]


def _distinct(texts: list[str]) -> list[str]:
    return list({fold(text): text for text in texts if fold(text)}.values())


def _bare(option: str) -> str:
    """An option without the letter that some models write before it."""
    return re.sub(r"^[(（]?[A-Ha-h][)）.．、:：]\s*", "", option)


_GAP_LIKE = re.compile(r"_{2,}|＿+|[(（]\s*[)）]|\[\s*\]|【\s*】|…{2,}|\.{4,}")


def _with_gap(stem: str, answer: str, quote: str) -> str:
    """A stem with its gap as "____". A stem without one gets it where the answer stands, or is replaced by the quote
    with the answer cut out when that is the only place that holds it."""
    stem = _GAP_LIKE.sub(GAP, stem)
    if GAP in stem:
        return stem
    for sentence in (stem, quote):
        if sentence.count(answer) == 1:
            return sentence.replace(answer, GAP)
    return stem
