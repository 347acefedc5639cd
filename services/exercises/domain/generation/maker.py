"""Making an exercise: from a request to a run that has begun."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from services.exercises.domain.generation.generator import Generating, GenerationLimits, Order, Publish, default_title
from services.exercises.domain.generation.material import MaterialReader
from services.exercises.domain.runs.runs import Runs
from services.exercises.ports import ChatModel, ClozeGenerator
from services.exercises.values.events import Numbered, Progress, RunPhase
from services.exercises.values.exercise import Exercise
from services.exercises.values.question import GeneratorChoice, Passage, QuestionKind
from services.kit.ids import new_id
from services.language.detection import language_of

DEFAULT_COUNT = 5
_PASSAGES_A_QUESTION = 3
_LEAST_PASSAGES, _MOST_PASSAGES = 12, 100
_PASSAGES_TELL_LANGUAGE = 20


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks for. Either `text` or `document_ids` is set."""

    text: str = ""
    document_ids: tuple[str, ...] = ()
    topic: str = ""
    kinds: tuple[QuestionKind, ...] = ()
    """Empty for all."""
    count: int = 0
    """0 for 5."""
    generator: GeneratorChoice = GeneratorChoice.MODEL_THEN_CLOZE
    model: str = ""
    title: str = ""
    detached: bool = False


class ExerciseMaker:
    """Starts runs that make exercises."""

    def __init__(
        self, reader: MaterialReader, model: ChatModel, cloze: ClozeGenerator, runs: Runs, limits: GenerationLimits
    ) -> None:
        self._reader = reader
        self._model = model
        self._cloze = cloze
        self._runs = runs
        self._limits = limits

    async def make(self, owner: str, wish: Wish) -> AsyncGenerator[Numbered, None]:
        """The events of a new run. Material that cannot be read is an error before anything is stored."""
        count = wish.count or DEFAULT_COUNT
        passages = await self._passages(wish, count)
        order = Order(
            passages=passages,
            kinds=wish.kinds or tuple(QuestionKind),
            count=count,
            generator=wish.generator,
            model=wish.model,
            seed=secrets.randbits(31),
        )
        exercise = Exercise(
            exercise_id=new_id(),
            run_id=new_id(),
            owner=owner,
            title=wish.title.strip() or default_title(passages, wish.topic),
            language=language_of("\n".join(passage.text for passage in passages[:_PASSAGES_TELL_LANGUAGE])),
            document_ids=wish.document_ids,
            create_time=datetime.now(UTC),
        )

        async def work(publish: Publish) -> None:
            await publish(Progress(RunPhase.READING, len(passages), len(passages)))
            await Generating(order, self._model, self._cloze, self._limits, publish).run()

        async with aclosing(self._runs.start(exercise, work, detached=wish.detached)) as run:
            async for numbered in run:
                yield numbered

    async def _passages(self, wish: Wish, count: int) -> tuple[Passage, ...]:
        if not wish.document_ids:
            return await self._reader.text_passages(wish.text)
        limit = min(_MOST_PASSAGES, max(_LEAST_PASSAGES, _PASSAGES_A_QUESTION * count))
        return await self._reader.passages(wish.document_ids, wish.topic, limit)
