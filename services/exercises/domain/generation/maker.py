"""Starting the run that makes an exercise."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

from services.exercises.domain.generation.material import MaterialReader
from services.exercises.domain.generation.publishing import Publish
from services.exercises.domain.runs.runs import Runs
from services.exercises.values.events import Numbered, Progress, RunPhase
from services.exercises.values.exercise import Exercise
from services.exercises.values.generation import GenerationPlan, GenerationRequest
from services.exercises.values.question import Passage, QuestionKind
from services.kit.ids import new_id
from services.language.detection import language_of

Generate = Callable[[GenerationPlan, Publish], Awaitable[None]]
"""Makes the questions of a plan: `QuestionGenerator.generate`."""

DEFAULT_COUNT = 5
_PASSAGES_A_QUESTION = 3
_LEAST_PASSAGES, _MOST_PASSAGES = 12, 100
_PASSAGES_TELL_LANGUAGE = 20


class ExerciseMaker:
    """Starts runs that make exercises."""

    def __init__(self, reader: MaterialReader, generate: Generate, runs: Runs) -> None:
        self._reader = reader
        self._generate = generate
        self._runs = runs

    async def make(self, owner: str, request: GenerationRequest) -> AsyncGenerator[Numbered, None]:
        """Start a run and yield its events. Material that cannot be read is an error before anything is stored."""
        count = request.count or DEFAULT_COUNT
        passages = await self._passages(request, count)
        plan = GenerationPlan(
            passages=passages,
            kinds=request.kinds or tuple(QuestionKind),
            count=count,
            generator=request.generator,
            model=request.model,
            seed=secrets.randbits(31),
        )
        exercise = Exercise(
            exercise_id=new_id(),
            run_id=new_id(),
            owner=owner,
            title=request.title.strip() or default_title(passages, request.topic),
            language=language_of("\n".join(passage.text for passage in passages[:_PASSAGES_TELL_LANGUAGE])),
            document_ids=request.document_ids,
            create_time=datetime.now(UTC),
        )

        async def work(publish: Publish) -> None:
            await publish(Progress(RunPhase.READING, len(passages), len(passages)))
            await self._generate(plan, publish)

        async with aclosing(self._runs.start(exercise, work, detached=request.detached)) as run:
            async for numbered in run:
                yield numbered

    async def _passages(self, request: GenerationRequest, count: int) -> tuple[Passage, ...]:
        if not request.document_ids:
            return await self._reader.text_passages(request.text)
        limit = min(_MOST_PASSAGES, max(_LEAST_PASSAGES, _PASSAGES_A_QUESTION * count))
        return await self._reader.passages(request.document_ids, request.topic, limit)


def default_title(passages: Sequence[Passage], topic: str) -> str:
    """Return a title taken from the material: the topic, the documents' name, or the text's first line."""
    if topic.strip():
        return topic.strip()[:80]
    names = list(dict.fromkeys(passage.document_name for passage in passages if passage.document_name))
    if names:
        return names[0] if len(names) == 1 else f"{names[0]} (+{len(names) - 1})"
    line = passages[0].text.lstrip("# \n").split("\n", 1)[0]
    return line if len(line) <= 60 else line[:59] + "…"
