"""Generating the questions of a plan: with the model, and by cloze where the model fails."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.exercises.domain.generation.checks import Accepted, check
from services.exercises.domain.generation.focus import FocusPicker
from services.exercises.domain.generation.model_questions import ModelCalls, ModelQuestions
from services.exercises.domain.generation.publishing import Publish, QuestionPublisher
from services.exercises.ports import ChatModel, MaterialWorker
from services.exercises.values.generation import GenerationLimits, GenerationPlan
from services.exercises.values.question import Draft, GeneratorChoice, QuestionKind
from services.exercises.values.refusal import RefusedError
from services.kit import errors


@dataclass(slots=True)
class FallbackQuestions:
    """Makes the questions of one run by cloze. The drafts are made at the first need, more than the plan wants."""

    plan: GenerationPlan
    worker: MaterialWorker
    accepted: Accepted
    publisher: QuestionPublisher
    _drafts: dict[QuestionKind, deque[Draft]] | None = None
    _loading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def make(self, kind: QuestionKind) -> None:
        """Publish the next question that passes the checks, of `kind` or else of another kind of the plan."""
        drafts = await self._fallback_drafts()
        for candidate in (kind, *(other for other in self.plan.kinds if other is not kind)):
            while drafts[candidate]:
                draft = drafts[candidate].popleft()
                try:
                    source = check(draft, self.plan.passages[draft.passage], self.accepted)
                except RefusedError:
                    # There are more drafts than are needed, and some repeat the model's questions.
                    continue
                await self.publisher.add(draft, source)
                return

    async def _fallback_drafts(self) -> dict[QuestionKind, deque[Draft]]:
        async with self._loading:
            if self._drafts is None:
                wanted = dict.fromkeys(self.plan.kinds, 2 * self.plan.count + 4)
                drafts = await self.worker.drafts(self.plan.passages, wanted, self.plan.seed)
                self._drafts = {kind: deque(drafts.get(kind, ())) for kind in self.plan.kinds}
            return self._drafts


class QuestionGenerator:
    """Makes the questions of plans."""

    def __init__(self, model: ChatModel, worker: MaterialWorker, limits: GenerationLimits) -> None:
        self._model = model
        self._worker = worker
        self._limits = limits

    async def generate(self, plan: GenerationPlan, publish: Publish) -> None:
        """Make the questions of a plan and publish each as it is complete. Fewer than wanted is no error.

        Raises:
            TikuError: the plan allows only the model, and it fails.
        """
        rng = random.Random(plan.seed)  # noqa: S311 - order of options, not secrets
        accepted = Accepted()
        publisher = QuestionPublisher(publish, plan.count)
        calls = ModelCalls(self._model, self._limits.in_flight)
        by_model = ModelQuestions(plan, self._limits, calls, FocusPicker(plan, rng), accepted, publisher, rng)
        by_cloze = FallbackQuestions(plan, self._worker, accepted, publisher)

        async def fill(slots: Iterator[int]) -> None:
            for slot in slots:
                kind = plan.kinds[slot % len(plan.kinds)]
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
