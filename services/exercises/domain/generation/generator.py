"""Generating an exercise: for each question a passage, a generator, the checks, and further tries within bounds."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence

from services.exercises.domain.completion.structured import Completion, complete
from services.exercises.domain.generation.checks import Accepted, check
from services.exercises.domain.generation.drafts import draft_of
from services.exercises.domain.generation.key_verification import KeyCheck, is_certain
from services.exercises.domain.generation.material import askable
from services.exercises.domain.generation.prompting import question_task
from services.exercises.domain.text.enumerations import list_rank
from services.exercises.domain.text.sentences import Sentence
from services.exercises.ports import ChatModel, ClozeGenerator
from services.exercises.values.chat import ChatRequest, TokenUsage
from services.exercises.values.events import Event, Progress, QuestionMade, QuestionRefused, RunPhase, Token, Usage
from services.exercises.values.generation import GenerationLimits, GenerationPlan
from services.exercises.values.question import (
    AnswerKey,
    Draft,
    GeneratorChoice,
    Option,
    Passage,
    Question,
    QuestionKind,
    Source,
)
from services.exercises.values.refusal import Refusal, RefusedError
from services.kit import errors
from services.kit.ids import new_id
from services.language.detection import language_of

logger = logging.getLogger(__name__)

Publish = Callable[[Event], Awaitable[None]]

_LETTERS = "ABCDEFGH"
_STEMS_TO_AVOID = 4
_SEARCHED_FOR_LISTS = 12
"""Passages that are read through for a sentence that lists something: more would hold up the event loop."""


class QuestionGenerator:
    """Makes the questions of one plan. `run` is called once."""

    def __init__(
        self, plan: GenerationPlan, model: ChatModel, cloze: ClozeGenerator, limits: GenerationLimits, publish: Publish
    ) -> None:
        self._plan = plan
        self._model = model
        self._cloze = cloze
        self._limits = limits
        self._publish = publish
        self._rng = random.Random(plan.seed)  # noqa: S311 - order of options, not secrets
        self._accepted = Accepted()
        self._stems: dict[int, deque[str]] = {}
        self._askable: dict[int, tuple[list[Sentence], list[Sentence]]] = {}
        self._focused: set[tuple[int, int]] = set()
        self._limit = asyncio.Semaphore(limits.in_flight)
        self._width = limits.in_flight
        self._fallback_drafts: dict[QuestionKind, deque[Draft]] | None = None
        self._fallback_lock = asyncio.Lock()
        self._adding = asyncio.Lock()
        self._usage = TokenUsage()
        self._failures = 0
        self._model_error: errors.TikuError | None = None
        self._made = 0

    async def run(self) -> None:
        """Makes the questions, publishing each as it is complete. Fewer than wanted is no error.

        Raises the model's error when only the model may serve and it does not.
        """
        slots = iter(range(self._plan.count))
        await self._publish(Progress(RunPhase.GENERATING, 0, self._plan.count))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._limits.in_flight, self._plan.count)):
                    group.create_task(self._fill(slots))
        except ExceptionGroup as failures:
            # Not `except*`: before Python 3.11.4, what that raises comes out in a group again.
            failed, others = failures.split(errors.TikuError)
            if failed is None or others is not None:
                raise
            raise failed.exceptions[0] from None

    async def _fill(self, slots: Iterator[int]) -> None:
        for slot in slots:
            kind = self._plan.kinds[slot % len(self._plan.kinds)]
            made = self._plan.generator is not GeneratorChoice.CLOZE_ONLY and await self._from_model(slot, kind)
            if not made and self._plan.generator is not GeneratorChoice.MODEL_ONLY:
                await self._from_cloze(kind)

    async def _from_model(self, slot: int, kind: QuestionKind) -> bool:
        """Whether the model made a question that passes, within the tries it has."""
        for attempt in range(1 + self._limits.retries):
            if self._model_error is not None:
                break
            place = self._pick(slot, attempt, kind)
            if place is None:
                break
            number, passage, focus = place
            task = question_task(
                kind,
                passage.text,
                language_of(passage.text),
                focus=focus,
                avoid=tuple(self._stems.get(number, ())),
                model=self._plan.model,
                seed=self._plan.seed + slot * 16 + attempt,
                temperature=min(1.0, self._limits.temperature + 0.2 * attempt),
            )
            try:
                reply = await self._ask(task, self._limits.question_seconds, self._on_token)
            except errors.TikuError as error:
                if error.status != errors.FailedPrecondition.status:
                    await self._refuse(kind, Refusal.MODEL_FAILED)
                continue
            self._failures = 0
            await self._count(reply.usage)
            try:
                draft = draft_of(kind, reply.value(), passage=number, model=reply.model, rng=self._rng)
                source = check(draft, passage, self._accepted)
            except RefusedError as refused:
                await self._refuse(kind, refused.reason)
                continue
            refusal = await self._verify_key(draft, source, passage)
            if refusal is not None:
                self._accepted.forget(draft, source)
                await self._refuse(kind, refusal)
                continue
            await self._add(draft, source)
            return True
        if self._model_error is not None and self._plan.generator is GeneratorChoice.MODEL_ONLY:
            raise self._model_error
        return False

    async def _verify_key(self, draft: Draft, source: Source, passage: Passage) -> Refusal | None:
        """Why the model's own answer does not confirm a question's key; None when it does, or none is needed. A key
        that nobody could confirm, because the call failed, is none."""
        if not self._limits.verify_keys or is_certain(draft, source.quote):
            return None
        key_check = KeyCheck(draft, source.quote, passage, self._plan.model)
        try:
            reply = await self._ask(key_check.task, self._limits.confirmation_seconds)
        except errors.TikuError:
            return Refusal.MODEL_FAILED
        self._failures = 0
        await self._count(reply.usage)
        try:
            return None if key_check.holds(reply.value()) else Refusal.KEY_NOT_CONFIRMED
        except RefusedError:
            return Refusal.KEY_NOT_CONFIRMED

    async def _on_token(self, text: str) -> None:
        await self._publish(Token(text))

    async def _ask(
        self, task: ChatRequest, seconds: float, on_text: Callable[[str], Awaitable[None]] | None = None
    ) -> Completion:
        """The model's reply within its time. A model that takes too long is asked one question less at once from then
        on: one machine that answers two takes twice as long for each."""
        await self._limit.acquire()
        before = self._failures
        slow = False
        try:
            try:
                async with asyncio.timeout(seconds):
                    return await complete(self._model, task, on_text)
            except TimeoutError:
                raise errors.DeadlineExceeded("The model took too long.", reason="MODEL_TOO_SLOW") from None
        except errors.TikuError as error:
            self._note_failure(error, before)
            slow = isinstance(error, errors.DeadlineExceeded)
            raise
        finally:
            if slow and self._width > 1:
                self._width -= 1
            else:
                self._limit.release()

    def _pick(self, slot: int, attempt: int, kind: QuestionKind) -> tuple[int, Passage, str] | None:
        """A passage, spread evenly over the material and another one on each try, and a sentence of it to ask about
        that nobody asked about: one that stands alone, where any passage still has one. Several right answers need a
        sentence that lists them; None when none is left."""
        passages = self._plan.passages
        stride = max(1, len(passages) // self._plan.count)
        first = (slot * stride + attempt * max(1, len(passages) // 3)) % len(passages)
        order = [(first + step) % len(passages) for step in range(len(passages))]
        if kind is QuestionKind.MULTIPLE_CHOICE:
            return self._pick_list(order[:_SEARCHED_FOR_LISTS])
        for rank, number in itertools.product(range(2), order):
            fresh = self._fresh(number, rank)
            if fresh:
                return self._focus(number, self._rng.choice(fresh))
        return first, passages[first], ""

    def _pick_list(self, order: Sequence[int]) -> tuple[int, Passage, str] | None:
        """The first sentence that surely lists things, else one that may."""
        likely: tuple[int, Sentence] | None = None
        for rank, number in itertools.product(range(2), order):
            for sentence in self._fresh(number, rank):
                match list_rank(sentence.text, language_of(sentence.text)):
                    case 2:
                        return self._focus(number, sentence)
                    case 1 if likely is None:
                        likely = number, sentence
        return self._focus(*likely) if likely is not None else None

    def _fresh(self, number: int, rank: int) -> list[Sentence]:
        """The sentences of a passage that nobody asked about: those that stand alone, or the rest."""
        if number not in self._askable:
            self._askable[number] = askable(self._plan.passages[number])
        return [s for s in self._askable[number][rank] if (number, s.start) not in self._focused]

    def _focus(self, number: int, sentence: Sentence) -> tuple[int, Passage, str]:
        self._focused.add((number, sentence.start))
        return number, self._plan.passages[number], sentence.text

    def _note_failure(self, error: errors.TikuError, before: int) -> None:
        """Remembers that a call failed that began after `before` failures in a row; for good when no model is there,
        the request is wrong, or it fails again and again."""
        if before == self._failures:
            self._failures += 1
        lasting = (errors.FailedPrecondition, errors.NotFound, errors.InvalidArgument, errors.Unimplemented)
        if isinstance(error, lasting) or self._failures >= self._limits.model_failures:
            self._model_error = error
            logger.warning("model does not serve", extra={"reason": error.reason})

    async def _from_cloze(self, kind: QuestionKind) -> None:
        """Adds the next cloze question that passes: of a kind or, when there is none, of another wanted one."""
        async with self._fallback_lock:
            if self._fallback_drafts is None:
                wanted = dict.fromkeys(self._plan.kinds, 2 * self._plan.count + 4)
                drafts = await self._cloze.drafts(self._plan.passages, wanted, self._plan.seed)
                self._fallback_drafts = {k: deque(drafts.get(k, ())) for k in self._plan.kinds}
            drafts_left = self._fallback_drafts
        for candidate in (kind, *(k for k in self._plan.kinds if k is not kind)):
            while drafts_left[candidate]:
                draft = drafts_left[candidate].popleft()
                try:
                    source = check(draft, self._plan.passages[draft.passage], self._accepted)
                except RefusedError:
                    # The drafts_left holds more than is needed, repeats of the model's questions among them.
                    continue
                await self._add(draft, source)
                return

    async def _add(self, draft: Draft, source: Source) -> None:
        async with self._adding:
            number = self._made + 1
            await self._publish(QuestionMade(question_of(draft, source, number)))
            self._made = number
            self._stems.setdefault(draft.passage, deque(maxlen=_STEMS_TO_AVOID)).append(draft.stem)
            await self._publish(Progress(RunPhase.GENERATING, number, self._plan.count))

    async def _refuse(self, kind: QuestionKind, reason: Refusal) -> None:
        await self._publish(QuestionRefused(kind, reason.value))

    async def _count(self, usage: TokenUsage) -> None:
        self._usage += usage
        await self._publish(Usage(self._usage.prompt_tokens, self._usage.completion_tokens))


def question_of(draft: Draft, source: Source, number: int) -> Question:
    """The question of a draft that passed the checks."""
    options = tuple(Option(_LETTERS[i], text) for i, text in enumerate(draft.options))
    return Question(
        question_id=new_id(),
        number=number,
        kind=draft.kind,
        stem=draft.stem,
        options=options,
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
        points=points_of(draft),
    )


def points_of(draft: Draft) -> float:
    """What a question is worth: 2 for a multiple choice, 1 a gap, the sum of its rubric for a short answer, else 1."""
    match draft.kind:
        case QuestionKind.MULTIPLE_CHOICE:
            return 2.0
        case QuestionKind.FILL_IN_THE_BLANK:
            return float(len(draft.blanks))
        case QuestionKind.SHORT_ANSWER:
            return sum(point.points for point in draft.rubric)
        case _:
            return 1.0


def default_title(passages: Sequence[Passage], topic: str) -> str:
    """A title taken from the material: the topic, the documents' name, or the text's first line."""
    if topic.strip():
        return topic.strip()[:80]
    names = list(dict.fromkeys(passage.document_name for passage in passages if passage.document_name))
    if names:
        return names[0] if len(names) == 1 else f"{names[0]} (+{len(names) - 1})"
    line = passages[0].text.lstrip("# \n").split("\n", 1)[0]
    return line if len(line) <= 60 else line[:59] + "…"
