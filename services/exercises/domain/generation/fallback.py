"""Questions without a model, for what the model does not make."""

from __future__ import annotations

import asyncio
from collections import deque

from services.exercises.domain.generation.accepted import Accepted
from services.exercises.domain.generation.checks import check
from services.exercises.domain.generation.publishing import QuestionPublisher
from services.exercises.ports import ClozeGenerator
from services.exercises.values.generation import GenerationPlan
from services.exercises.values.question import Draft, QuestionKind
from services.exercises.values.refusal import RefusedError


class FallbackQuestions:
    """Makes the questions of one run by cloze. The drafts are made at the first need, more than the plan wants."""

    def __init__(
        self, plan: GenerationPlan, cloze: ClozeGenerator, accepted: Accepted, publisher: QuestionPublisher
    ) -> None:
        self._plan = plan
        self._cloze = cloze
        self._accepted = accepted
        self._publisher = publisher
        self._drafts: dict[QuestionKind, deque[Draft]] | None = None
        self._loading = asyncio.Lock()

    async def make(self, kind: QuestionKind) -> None:
        """Publish the next question that passes: of a kind or, when there is none, of another wanted one."""
        drafts = await self._fallback_drafts()
        for candidate in (kind, *(other for other in self._plan.kinds if other is not kind)):
            while drafts[candidate]:
                draft = drafts[candidate].popleft()
                try:
                    source = check(draft, self._plan.passages[draft.passage], self._accepted)
                except RefusedError:
                    # There are more than are needed, repeats of the model's questions among them.
                    continue
                await self._publisher.add(draft, source)
                return

    async def _fallback_drafts(self) -> dict[QuestionKind, deque[Draft]]:
        async with self._loading:
            if self._drafts is None:
                wanted = dict.fromkeys(self._plan.kinds, 2 * self._plan.count + 4)
                drafts = await self._cloze.drafts(self._plan.passages, wanted, self._plan.seed)
                self._drafts = {kind: deque(drafts.get(kind, ())) for kind in self._plan.kinds}
            return self._drafts
