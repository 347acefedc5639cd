"""Measuring how short answers are graded, on answers that people graded.

A set is a folder of SemEval-2013 Task 7 (Dzikovska et al. 2013): XML files of one question each, with a reference
answer and students' answers. It is read as the two-way task: correct, or not. The grader is the service's own; its one
rubric point is the reference answer, and its model is the stack's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from lxml import etree

from services.client.errors import ApiError
from services.client.rest import TikuClient
from services.common.values import Source, TokenUsage
from services.evaluation.sets import NotASetError
from services.exercises.adapters.clients.llm import stream_request
from services.exercises.domain.grading.short_answers import ShortAnswerGrader
from services.exercises.values.chat import ChatFinish, ChatRequest
from services.exercises.values.question import AnswerKey, Generator, Question, QuestionKind, RubricPoint
from services.exercises.values.submission import Answer
from services.kit.concurrency import gather
from services.kit.errors import Unavailable
from tiku.llm.v1 import llm_pb2


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """A student's answer, and whether a person found it correct."""

    question: str
    reference: str
    text: str
    correct: bool


def read_answers(folder: Path) -> list[GradedAnswer]:
    """Read a folder of SemEval-2013 Task 7, in the order of its files; this blocks.

    Raises:
        NotASetError: it holds no answer, or a file is of another shape.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    answers: list[GradedAnswer] = []
    for path in sorted(folder.rglob("*.xml")):
        try:
            root = etree.fromstring(path.read_bytes(), parser)
            question, reference = (root.findtext(name).strip() for name in ("questionText", ".//referenceAnswer"))
            for answer in root.iterfind(".//studentAnswer"):
                if text := (answer.text or "").strip():
                    answers.append(GradedAnswer(question, reference, text, answer.attrib["accuracy"] == "correct"))
        except (etree.XMLSyntaxError, AttributeError, KeyError) as error:
            raise NotASetError(f"{path} is no question of SemEval-2013 Task 7: {error!r}") from error
    if not answers:
        raise NotASetError(f"{folder} holds no graded answer")
    return answers


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a model's grades agree with those of people."""

    model: str
    answers: int
    reviewed: int
    """Answers that were left to a person."""
    agreement: float
    """Share of the graded answers that got the person's grade."""
    kappa: float
    """The same beyond chance (Cohen 1960)."""
    macro_f1: float
    """Mean of the F1 of correct and of not correct, over the graded answers."""
    macro_f1_of_all: float
    """The same over all answers, where one that was left to a person has neither grade."""


def agreement(model: str, grades: Sequence[tuple[bool, bool | None]]) -> Agreement:
    """Return how pairs of a person's grade and the model's agree; None is an answer that was left to a person."""
    graded = [(right, given) for right, given in grades if given is not None]
    pairs = Counter(graded)
    most = max(1, len(graded))
    same = (pairs[True, True] + pairs[False, False]) / most
    by_chance = (
        sum(
            sum(right is grade for right, _ in graded) * sum(given is grade for _, given in graded)
            for grade in (True, False)
        )
        / most**2
    )
    return Agreement(
        model=model,
        answers=len(grades),
        reviewed=len(grades) - len(graded),
        agreement=same,
        kappa=(same - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0,
        macro_f1=_macro_f1(graded),
        macro_f1_of_all=_macro_f1(grades),
    )


def _macro_f1(grades: Sequence[tuple[bool, bool | None]]) -> float:
    total = 0.0
    for grade in (True, False):
        hits = sum(right is grade and given is grade for right, given in grades)
        either = sum(right is grade for right, _ in grades) + sum(given is grade for _, given in grades)
        total += 2 * hits / either if either else 0.0
    return total / 2


class RestChatModel:
    """The stack's chat model, reached by its public API; a call takes at most `timeout` seconds."""

    def __init__(self, client: TikuClient, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self.name = ""
        """The model that answered last."""

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[str | ChatFinish]]:
        """Ask for the whole answer, and give it out as one text."""
        yield self._read(request)

    async def _read(self, request: ChatRequest) -> AsyncIterator[str | ChatFinish]:
        asked = stream_request(request)
        whole = llm_pb2.ChatRequest(model=asked.model, messages=asked.messages, options=asked.options)
        try:
            response = await self._client.chat(whole, self._timeout)
        except ApiError as error:
            if error.reason == "NO_CHAT_PROVIDER":
                raise
            # One call failed: its answer is left to a person.
            raise Unavailable(str(error)) from error
        self.name = response.model
        yield response.message.content
        yield ChatFinish(
            response.model,
            TokenUsage(response.usage.prompt_tokens, response.usage.completion_tokens),
            truncated=response.finish_reason == llm_pb2.FINISH_REASON_LENGTH,
        )


_POINTS = 2.0
_AT_ONCE = 2

OnStep = Callable[[int, int], None]
"""Told how many answers are graded, and of how many."""


async def measure(model: RestChatModel, answers: Sequence[GradedAnswer], timeout: float, on_step: OnStep) -> Agreement:
    """Return how a stack's grades of some answers agree with those of people."""
    grader = ShortAnswerGrader(model, timeout)
    done = count(1)

    async def one(answer: GradedAnswer) -> tuple[bool, bool | None]:
        grade = await grader.grade(_question(answer), Answer("q", text=answer.text))
        on_step(next(done), len(answers))
        return answer.correct, None if grade.points is None else grade.points >= _POINTS / 2

    grades = await gather(map(one, answers), _AT_ONCE)
    return agreement(model.name, grades)


def _question(answer: GradedAnswer) -> Question:
    """Return the question of an answer, whose one rubric point is the reference answer."""
    return Question(
        question_id="q",
        number=1,
        kind=QuestionKind.SHORT_ANSWER,
        stem=answer.question,
        options=(),
        answer_key=AnswerKey(reference=answer.reference, rubric=(RubricPoint(answer.reference, _POINTS),)),
        explanation="",
        source=Source(0, len(answer.reference), answer.reference),
        generator=Generator.MODEL,
        model="",
        points=_POINTS,
    )
