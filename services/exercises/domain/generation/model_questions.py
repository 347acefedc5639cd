"""Questions of a model: asked for about one sentence, checked, verified, and tried again within bounds."""

from __future__ import annotations

import random
from dataclasses import dataclass

from services.common.values import Source
from services.exercises.domain.generation.accepted import Accepted
from services.exercises.domain.generation.checks import check
from services.exercises.domain.generation.drafts import draft_of
from services.exercises.domain.generation.focus import FocusPicker
from services.exercises.domain.generation.key_verification import KeyCheck, is_certain
from services.exercises.domain.generation.model_calls import ModelCalls
from services.exercises.domain.generation.publishing import QuestionPublisher
from services.exercises.domain.generation.question_requests import answer_of, question_prompt_of, question_request
from services.exercises.values.generation import GenerationLimits, GenerationPlan
from services.exercises.values.question import Draft, GeneratorChoice, Passage, QuestionKind
from services.exercises.values.refusal import Refusal, RefusedError
from services.kit import errors

_SEEDS_A_SLOT = 16
"""Seeds of a run that belong to one question, one for each try."""
_WARMER = 0.2
"""By how much each further try raises the temperature, as far as 1."""


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

    async def make(self, slot: int, kind: QuestionKind) -> bool:
        """Publish question `slot`, counted from 0; return False if all tries failed.

        Raises:
            TikuError: the plan allows only the model, and it fails.
        """
        for attempt in range(1 + self.limits.retries):
            if self.calls.lasting_error is not None:
                break
            focus = self.picker.pick(slot, attempt, kind)
            if focus is None:
                break
            seed = self.plan.seed + slot * _SEEDS_A_SLOT + attempt
            prompt = question_prompt_of(kind, focus.sentence, seed)
            request = question_request(
                prompt,
                focus.passage.text,
                focus=focus.sentence,
                avoid=self.publisher.stems_of(focus.number),
                model=self.plan.model,
                seed=seed,
                temperature=min(1.0, self.limits.temperature + _WARMER * attempt),
            )
            try:
                completion = await self.calls.complete(request, self.limits.question_seconds, self.publisher.on_token)
            except errors.TikuError as error:
                if error.status != errors.FailedPrecondition.status:
                    await self.publisher.refuse(kind, Refusal.MODEL_FAILED)
                continue
            await self.publisher.add_usage(completion.usage)
            try:
                answer = answer_of(kind, completion.value())
                draft = draft_of(answer, passage=focus.number, model=completion.model, rng=self.rng)
                source = await self._accept(draft, focus.passage)
            except RefusedError as refused:
                await self.publisher.refuse(kind, refused.reason)
                continue
            await self.publisher.add(draft, source)
            return True
        if self.calls.lasting_error is not None and self.plan.generator is GeneratorChoice.MODEL_ONLY:
            raise self.calls.lasting_error
        return False

    async def _accept(self, draft: Draft, passage: Passage) -> Source:
        """Return the source of a question that passes the checks and whose key the model confirms."""
        source = check(draft, passage, self.accepted)
        if self.limits.verify_keys and not is_certain(draft, source.quote):
            try:
                await self._verify_key(KeyCheck(draft, source.quote, passage, self.plan.model))
            except RefusedError:
                self.accepted.forget(draft, source)
                raise
        return source

    async def _verify_key(self, key_check: KeyCheck) -> None:
        """Ask the model its own question; refuse a key that it does not confirm, and any key if the call fails."""
        try:
            completion = await self.calls.complete(key_check.request, self.limits.confirmation_seconds)
        except errors.TikuError:
            raise RefusedError(Refusal.MODEL_FAILED) from None
        await self.publisher.add_usage(completion.usage)
        try:
            confirmed = key_check.holds(completion.value())
        except RefusedError:
            confirmed = False
        if not confirmed:
            raise RefusedError(Refusal.KEY_NOT_CONFIRMED)
