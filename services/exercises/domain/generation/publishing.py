"""Publishing what a run makes: questions as they are written and made, refusals, and what the model consumed."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable

from services.common.model_failures import NONE, ModelFailure
from services.common.values import Source, TokenUsage
from services.exercises.domain.generation.drafts import GAP_LIKE
from services.exercises.values.exercise import (
    Event,
    ModelGivenUp,
    Progress,
    QuestionMade,
    QuestionProgress,
    QuestionRefused,
    RunPhase,
    Token,
    Usage,
)
from services.exercises.values.question import AnswerKey, Draft, Option, Question, QuestionKind
from services.exercises.values.refusal import Refusal
from services.kit.ids import new_id

Publish = Callable[[Event], Awaitable[None]]

_LETTERS = "ABCDEFGH"
_STEMS_TO_AVOID = 4
"""Number of latest questions about a passage that the model is told not to repeat."""


_STEM = re.compile(r'"stem"\s*:\s*"((?:[^"\\]|\\.)*)', re.DOTALL)
"""The stem in the beginning of a model's JSON, as far as it is written."""
_READER = json.JSONDecoder(strict=False)


class WrittenDraft:
    """A question that a model writes, published as its text grows: the stem alone, since the rest tells the key.

    Where the stem would tell it too, it is left empty: a statement is written out only where it is a true one, and a
    sentence may still lack the gap that hides its answer.
    """

    def __init__(self, publish: Publish, number: int, kind: QuestionKind) -> None:
        self._publish = publish
        self._kind = kind
        self._text = ""
        self._stem: str | None = None
        self.number = number

    @property
    def begun(self) -> bool:
        """Whether the model has written anything."""
        return self._stem is not None

    async def on_token(self, text: str) -> None:
        """Publish a text as the model writes it."""
        await self._publish(Token(text))
        self._text += text
        stem = self._read_stem()
        if stem != self._stem:
            self._stem = stem
            await self._publish(QuestionProgress(self.number, self._kind, stem))

    def _read_stem(self) -> str:
        if self._kind is QuestionKind.TRUE_FALSE:
            return ""
        # Thoughts before it may have held another.
        found = deque(_STEM.finditer(self._text), maxlen=1)
        try:
            stem = _READER.decode(f'"{found[0][1]}"') if found else ""
            stem.encode()
        except ValueError:  # An escape is half written.
            return self._stem or ""
        told = self._kind is QuestionKind.FILL_IN_THE_BLANK and not GAP_LIKE.search(stem)
        return "" if told else str(stem)


class QuestionPublisher:
    """The questions of one run, published one after the other."""

    def __init__(self, publish: Publish, count: int) -> None:
        self._publish = publish
        self._count = count
        self._made = 0
        self._drafts = 0
        self._usage = TokenUsage()
        self._stems: dict[int, deque[str]] = {}
        self._adding = asyncio.Lock()
        self._given_up = False

    async def begin(self) -> None:
        """Publish that no question is made yet."""
        await self._publish(Progress(RunPhase.GENERATING, 0, self._count))

    def new_draft(self, kind: QuestionKind) -> WrittenDraft:
        """Return a draft with the next number, for a model to write."""
        self._drafts += 1
        return WrittenDraft(self._publish, self._drafts, kind)

    async def add(self, draft: Draft, source: Source, draft_number: int = 0) -> None:
        """Publish a question that passed the checks, with the next number, and how far the run is."""
        async with self._adding:
            number = self._made + 1
            await self._publish(QuestionMade(question_of(draft, source, number), draft_number))
            self._made = number
            self._stems.setdefault(draft.passage, deque(maxlen=_STEMS_TO_AVOID)).append(draft.stem)
            await self._publish(Progress(RunPhase.GENERATING, number, self._count))

    def stems_of(self, passage: int) -> tuple[str, ...]:
        """Return the stems of the latest questions about a passage, given by its position."""
        return tuple(self._stems.get(passage, ()))

    async def refuse(
        self, kind: QuestionKind, draft_number: int, reason: Refusal, failure: ModelFailure = NONE
    ) -> None:
        """Publish that a question was refused; `failure` is the model's error, if that was why."""
        await self._publish(QuestionRefused(kind, reason.value, failure.reason, failure.message, draft_number))

    async def give_up(self, failure: ModelFailure) -> None:
        """Publish, once, that the model is not asked any more."""
        if not self._given_up:
            self._given_up = True
            await self._publish(ModelGivenUp(failure.reason, failure.message))

    async def add_usage(self, usage: TokenUsage) -> None:
        """Publish what the model has consumed in the run, with a call's tokens added."""
        self._usage += usage
        await self._publish(Usage(self._usage.prompt_tokens, self._usage.completion_tokens))


def question_of(draft: Draft, source: Source, number: int) -> Question:
    """Return the question of a draft that passed the checks.

    A multiple choice is worth 2 points, a gap 1, a short answer its rubric, any other question 1.
    """
    rubric = sum(point.points for point in draft.rubric)
    return Question(
        question_id=new_id(),
        number=number,
        kind=draft.kind,
        stem=draft.stem,
        options=tuple(Option(_LETTERS[i], text) for i, text in enumerate(draft.options)),
        answer_key=AnswerKey(
            option_keys=tuple(_LETTERS[i] for i in sorted(draft.correct)),
            truth=draft.truth,
            blanks=draft.blanks,
            reference=draft.reference,
            rubric=draft.rubric,
        ),
        explanation=draft.explanation,
        source=source,
        generator=draft.generator,
        model=draft.model,
        points=2.0 if draft.kind is QuestionKind.MULTIPLE_CHOICE else float(len(draft.blanks)) or rubric or 1.0,
    )
