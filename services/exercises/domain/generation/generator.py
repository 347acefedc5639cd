"""Generating the questions of a plan: with the model, and by cloze where the model fails or is slow to begin."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.exercises.domain.generation.checks import Accepted, check
from services.exercises.domain.generation.focus import FocusPicker
from services.exercises.domain.generation.model_questions import ModelCalls, ModelQuestions
from services.exercises.domain.generation.publishing import Publish, QuestionPublisher
from services.exercises.ports import ChatModel, MaterialWorker
from services.exercises.values.generation import GenerationLimits, GenerationPlan
from services.exercises.values.question import Draft, GeneratorChoice, QuestionKind
from services.exercises.values.refusal import Refusal, RefusedError
from services.kit import errors
from services.language.detection import is_served

_MODEL_FIRST = (
    QuestionKind.SINGLE_CHOICE,
    QuestionKind.SHORT_ANSWER,
    QuestionKind.TRUE_FALSE,
    QuestionKind.FILL_IN_THE_BLANK,
    QuestionKind.MULTIPLE_CHOICE,
)
"""The model begins with what cloze is worst at; cloze, where it opens a run, takes what the model is worst at: when
asked for several right options, a small one repeats them among the wrong, and is refused."""
_PASSAGES_TELL_LANGUAGE = 5
_SPARE_FACTOR, _SPARE = 3, 10
"""Drafts for each question that is wanted, and beyond: most are refused because they share what is asked."""


@dataclass(slots=True)
class FallbackQuestions:
    """Makes the questions of one run by cloze. The drafts are made at the first need, more than the plan wants."""

    plan: GenerationPlan
    worker: MaterialWorker
    accepted: Accepted
    publisher: QuestionPublisher
    _drafts: dict[QuestionKind, list[Draft]] | None = None
    _told: set[tuple[Refusal, QuestionKind | None]] = field(default_factory=set)
    """What the run was told that cloze does not make."""
    _loading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def make(self, kind: QuestionKind) -> bool:
        """Publish the next question that passes the checks, of `kind` or else of another kind of the plan.

        One of the second rank comes where no kind has any of the first. Return False when there is none.
        """
        drafts = await self._fallback_drafts()
        kinds = (kind, *(other for other in self.plan.kinds if other is not kind))
        for second, candidate in itertools.product((False, True), kinds):
            while (at := self._next(drafts[candidate], second=second)) is not None:
                draft = drafts[candidate].pop(at)
                try:
                    source = check(draft, self.plan.passages[draft.passage], self.accepted)
                except RefusedError:
                    # There are more drafts than are needed, and some repeat the model's questions. Many in a row would
                    # hold up the event loop.
                    await asyncio.sleep(0)
                    continue
                await self.publisher.add(draft, source)
                return True
            if not any(draft.second for draft in drafts[candidate]):
                await self._tell(candidate)
        return False

    def _next(self, drafts: Sequence[Draft], *, second: bool) -> int | None:
        """Return where a rank's first draft is that keeps true and false in balance; None where there is none."""
        surplus = self.accepted.true_surplus
        fitting = (at for at, draft in enumerate(drafts) if not surplus or draft.truth in {None, surplus < 0})
        return next((at for at in fitting if drafts[at].second is second), None)

    async def _tell(self, kind: QuestionKind) -> None:
        """Publish, once, that the material gives no further question of a kind, or none in its language."""
        served = is_served("\n".join(passage.text for passage in self.plan.passages[:_PASSAGES_TELL_LANGUAGE]))
        notice = (Refusal.KIND_NOT_OFFERED, kind) if served else (Refusal.LANGUAGE_NOT_SERVED, None)
        if notice not in self._told:
            self._told.add(notice)
            await self.publisher.refuse(kind, 0, notice[0])

    async def _fallback_drafts(self) -> dict[QuestionKind, list[Draft]]:
        async with self._loading:
            if self._drafts is None:
                wanted = dict.fromkeys(self.plan.kinds, _SPARE_FACTOR * self.plan.count + _SPARE)
                drafts = await self.worker.drafts(self.plan.passages, wanted, self.plan.seed)
                self._drafts = {kind: list(drafts.get(kind, ())) for kind in self.plan.kinds}
            return self._drafts


@dataclass(slots=True)
class RunSlots:
    """The questions that one run is to make, by their slots; those that work at it share it."""

    plan: GenerationPlan
    by_model: ModelQuestions
    by_cloze: FallbackQuestions
    _free: deque[int] = field(init=False)
    _one_done: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        turn = len(self.plan.kinds)
        self._free = deque(
            sorted(range(self.plan.count), key=lambda i: (i // turn, _MODEL_FIRST.index(self.plan.kind_of(i))))
        )

    async def fill(self) -> None:
        """Make a question in one free slot after the other."""
        while self._free:
            await self._make(self._free.popleft())

    async def open_by_cloze(self, after_seconds: float) -> None:
        """Have cloze make a question of a free slot if no slot is done in time; a model has to read first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(after_seconds):
                await self._one_done.wait()
        if self._free and not self._one_done.is_set():
            slot = self._free.pop()
            if not await self.by_cloze.make(self.plan.kind_of(slot)):
                await self._make(slot)

    async def _make(self, slot: int) -> None:
        kind = self.plan.kind_of(slot)
        match self.plan.generator:
            case GeneratorChoice.CLOZE_ONLY:
                await self.by_cloze.make(kind)
            case GeneratorChoice.MODEL_ONLY:
                await self.by_model.make(slot, kind)
            case _ if not await self.by_model.make(slot, kind) and not await self.by_cloze.make(kind):
                # Where cloze has nothing left, what the model may still write is better than a question less.
                await self.by_model.make(slot, kind, once_more=True)
        self._one_done.set()


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
        slots = RunSlots(plan, by_model, FallbackQuestions(plan, self._worker, accepted, publisher))
        await publisher.begin()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._limits.in_flight, plan.count)):
                    group.create_task(slots.fill())
                if plan.generator is GeneratorChoice.MODEL_THEN_CLOZE:
                    group.create_task(slots.open_by_cloze(self._limits.cloze_after_seconds))
        except ExceptionGroup as failures:
            # Not `except*`: before Python 3.11.4, what that raises comes out in a group again.
            failed, others = failures.split(errors.TikuError)
            if failed is None or others is not None:
                raise
            raise failed.exceptions[0] from None
