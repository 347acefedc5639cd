"""Generating the questions of a plan: with the model, and by cloze where the model fails."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

from services.exercises.domain.generation.accepted import Accepted
from services.exercises.domain.generation.fallback import FallbackQuestions
from services.exercises.domain.generation.focus import FocusPicker
from services.exercises.domain.generation.model_calls import ModelCalls
from services.exercises.domain.generation.model_questions import ModelQuestions
from services.exercises.domain.generation.publishing import Publish, QuestionPublisher
from services.exercises.ports import ChatModel, ClozeGenerator
from services.exercises.values.generation import GenerationLimits, GenerationPlan
from services.exercises.values.question import GeneratorChoice
from services.kit import errors


class QuestionGenerator:
    """Makes the questions of plans."""

    def __init__(self, model: ChatModel, cloze: ClozeGenerator, limits: GenerationLimits) -> None:
        self._model = model
        self._cloze = cloze
        self._limits = limits

    async def generate(self, plan: GenerationPlan, publish: Publish) -> None:
        """Make the questions of a plan and publish each as it is complete. Fewer than wanted is no error.

        Raises:
            TikuError: the plan allows only the model, and it fails.
        """
        rng = random.Random(plan.seed)  # noqa: S311 - order of options, not secrets
        accepted = Accepted()
        publisher = QuestionPublisher(publish, plan.count)
        calls = ModelCalls(self._model, in_flight=self._limits.in_flight, most_failures=self._limits.model_failures)
        by_model = ModelQuestions(plan, self._limits, calls, FocusPicker(plan, rng), accepted, publisher, rng)
        by_cloze = FallbackQuestions(plan, self._cloze, accepted, publisher)

        async def fill(slots: Iterator[int]) -> None:
            for slot in slots:
                kind = plan.kind_of(slot)
                made = plan.generator is not GeneratorChoice.CLOZE_ONLY and await by_model.make(slot, kind)
                if not made and plan.generator is not GeneratorChoice.MODEL_ONLY:
                    await by_cloze.make(kind)

        await publisher.begin()
        slots = iter(range(plan.count))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._limits.in_flight, plan.count)):
                    group.create_task(fill(slots))
        except ExceptionGroup as failures:
            # Not `except*`: before Python 3.11.4, what that raises comes out in a group again.
            failed, others = failures.split(errors.TikuError)
            if failed is None or others is not None:
                raise
            raise failed.exceptions[0] from None
