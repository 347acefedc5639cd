"""Questions of a model: asked for about one sentence, checked, verified, and tried again within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.common.model_failures import ModelFailure
from services.common.values import Source
from services.exercises.domain.completion import OnToken, WrittenObject, complete
from services.exercises.domain.generation.checks import Accepted, check
from services.exercises.domain.generation.drafts import draft_of
from services.exercises.domain.generation.focus import FocusPicker
from services.exercises.domain.generation.key_verification import KeyVerification, is_certain
from services.exercises.domain.generation.publishing import QuestionPublisher
from services.exercises.domain.prompts.prompt import Prompt
from services.exercises.domain.prompts.tasks import (
    FALSE_STATEMENT,
    QUESTIONS,
    QuestionAnswer,
    question_in,
    question_request,
)
from services.exercises.domain.text.sentences import surroundings
from services.exercises.domain.text.statements import is_open
from services.exercises.ports import ChatModel
from services.exercises.values.chat import ChatFinish, ChatRequest
from services.exercises.values.generation import GenerationLimits, GenerationPlan
from services.exercises.values.question import Draft, GeneratorChoice, Passage, QuestionKind
from services.exercises.values.refusal import Refusal, RefusedError
from services.kit import errors
from services.language.detection import LANGUAGES

logger = logging.getLogger(__name__)

_FALSE_SHARE = 0.5
"""Share of true/false questions that are to be false, among sentences that can be made false."""
_READ_BESIDE_TOKENS = 60
"""Tokens that a model reads on either side of the sentence: reading is what takes a small model long."""


def question_prompt_of(kind: QuestionKind, focus: str, seed: int) -> Prompt[QuestionAnswer]:
    """Return the prompt for a kind and the sentence `focus`; the seed decides whether a statement is to be true."""
    if kind is QuestionKind.TRUE_FALSE:
        drawn = random.Random(seed).random()  # noqa: S311 - variety, not secrets
        if drawn < _FALSE_SHARE and not is_open(focus):
            return FALSE_STATEMENT
    return QUESTIONS[kind]


def answer_of(kind: QuestionKind, value: Mapping[str, Any], focus: str = "") -> QuestionAnswer:
    """Return the question in a model's JSON, which is about the sentence `focus` where it quotes no other.

    A statement is true or false by how it is written, not by the task.
    """
    false = kind is QuestionKind.TRUE_FALSE and "original" in value
    return question_in(FALSE_STATEMENT if false else QUESTIONS[kind], value, focus)


_MOST_FAILURES = 2
"""Failed calls in a row after which a run stops asking the model."""
_LASTING = (errors.FailedPrecondition, errors.NotFound, errors.InvalidArgument, errors.Unimplemented)
"""Errors that the next call would meet as well: there is no model, or the request is wrong."""
_OF_ONE_REQUEST = frozenset({"CONTENT_FILTERED", "CONTEXT_TOO_LONG"})
"""Reasons among them that lie in the passage that was asked about."""


def _refusal_of(error: errors.TikuError) -> tuple[Refusal, ModelFailure]:
    """Return why there is no question after a call that failed."""
    refusal = Refusal.MODEL_REFUSED if error.reason == "CONTENT_FILTERED" else Refusal.MODEL_FAILED
    return refusal, ModelFailure(error.reason, error.message)


class ModelCalls:
    """The calls of one run."""

    def __init__(self, model: ChatModel, in_flight: int) -> None:
        self._model = model
        self._limit = asyncio.Semaphore(in_flight)
        self._width = in_flight
        self._failures = 0
        """Failed calls in a row; those that ran side by side count once."""
        self.lasting_error: errors.TikuError | None = None
        """Why the model is not to be asked any more."""

    async def complete(
        self, request: ChatRequest, timeout: float, on_token: OnToken | None = None
    ) -> tuple[WrittenObject, ChatFinish]:
        """Return the model's completion within its time, in seconds from when a call is free.

        A model that is too slow is asked one question less at once from then on: two on one machine take twice as long.
        """
        await self._limit.acquire()
        before = self._failures
        slow = False
        try:
            completion = await complete(self._model, request, timeout, on_token)
            self._failures = 0
            return completion
        except errors.TikuError as error:
            self._note_failure(error, before)
            slow = isinstance(error, errors.DeadlineExceeded)
            raise
        finally:
            if slow and self._width > 1:
                self._width -= 1
            else:
                self._limit.release()

    def _note_failure(self, error: errors.TikuError, before: int) -> None:
        """Remember that a call failed that began after `before` failures in a row."""
        if error.reason in _OF_ONE_REQUEST:
            return
        if before == self._failures:
            self._failures += 1
        if isinstance(error, _LASTING) or self._failures >= _MOST_FAILURES:
            self.lasting_error = error
            logger.warning("the model is given up for this run", extra={"reason": error.reason})


_SEEDS_A_SLOT = 16
"""Seeds of a run that belong to one question, one a try."""
_TEMPERATURE, _WARMER = 0.4, 0.2
"""Of the first try; each further try raises the temperature by this much, up to 1."""


@dataclass(frozen=True, slots=True)
class ModelQuestions:
    """Makes the questions of one run with the model."""

    plan: GenerationPlan
    limits: GenerationLimits
    calls: ModelCalls
    picker: FocusPicker
    accepted: Accepted
    publisher: QuestionPublisher
    rng: random.Random

    async def make(self, slot: int, kind: QuestionKind, *, once_more: bool = False) -> bool:
        """Publish question `slot`, counted from 0; return False when the model made none in the tries that it has.

        `once_more` gives it as many again, about sentences that nobody asked about.
        """
        first = self.limits.attempts if once_more else 0
        for attempt in range(first, first + self.limits.attempts):
            if self.calls.lasting_error is not None:
                break
            focus = self.picker.pick(slot, attempt, kind)
            if focus is None or (once_more and not focus.sentence):
                break
            seed = self.plan.seed + slot * _SEEDS_A_SLOT + attempt
            writing = self.publisher.new_draft(kind)
            try:
                avoid = self.publisher.stems_of(focus.number)
                request = question_request(
                    question_prompt_of(kind, focus.sentence, seed),
                    LANGUAGES.of(focus.passage.text),
                    material=surroundings(focus.passage, focus.sentence, _READ_BESIDE_TOKENS),
                    focus=focus.sentence,
                    avoid=json.dumps(avoid, ensure_ascii=False) if avoid else "",
                    model=self.plan.model,
                    explained=self.limits.model_explains,
                    seed=seed,
                    temperature=min(1.0, _TEMPERATURE + _WARMER * attempt),
                )
                written, finish = await self.calls.complete(request, self.limits.question_seconds, writing.on_token)
            except errors.TikuError as error:
                if writing.begun or error.status != errors.FailedPrecondition.status:
                    await self.publisher.refuse(kind, writing.number, *_refusal_of(error))
                continue
            await self.publisher.add_usage(finish.usage)
            try:
                answer = answer_of(kind, written.value(), focus.sentence)
                draft = draft_of(answer, passage=focus.number, model=finish.model, rng=self.rng)
                source = await self._accept(draft, focus.passage)
            except RefusedError as refused:
                await self.publisher.refuse(kind, writing.number, refused.reason, refused.failure)
                continue
            except Exception:
                # Whatever one object does to the code that reads it, it costs one try and not the run.
                logger.exception("a question could not be read", extra={"model": finish.model})
                await self.publisher.refuse(kind, writing.number, Refusal.INVALID_JSON)
                continue
            await self.publisher.add(draft, source, writing.number)
            return True
        if (lasting := self.calls.lasting_error) is not None:
            await self.publisher.give_up(ModelFailure(lasting.reason, lasting.message))
            if self.plan.generator is GeneratorChoice.MODEL_ONLY:
                raise lasting
        return False

    async def _accept(self, draft: Draft, passage: Passage) -> Source:
        """Return the source of a question that passes the checks and whose key is verified."""
        source = check(draft, passage, self.accepted)
        if self.limits.verify_keys and not is_certain(draft, source.quote):
            try:
                await self._verify_key(KeyVerification(draft, source.quote, passage, self.plan.model))
            except RefusedError:
                self.accepted.forget(draft, source)
                raise
        return source

    async def _verify_key(self, verification: KeyVerification) -> None:
        """Ask the model its own question, and refuse a key that it answers otherwise, or not at all."""
        try:
            written, finish = await self.calls.complete(verification.request, self.limits.verification_seconds)
        except errors.TikuError as error:
            raise RefusedError(*_refusal_of(error)) from None
        await self.publisher.add_usage(finish.usage)
        with contextlib.suppress(RefusedError):
            if verification.holds(written.value()):
                return
        raise RefusedError(Refusal.KEY_NOT_CONFIRMED)
