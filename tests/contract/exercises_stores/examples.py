"""Exercises and questions that the suites store."""

from __future__ import annotations

from datetime import UTC, datetime

from services.common.values import Source
from services.exercises.ports import RunStore
from services.exercises.values.exercise import Exercise
from services.exercises.values.question import AnswerKey, Generator, Option, Question, QuestionKind, RubricPoint
from services.kit.ids import new_id


def exercise(owner: str = "ann", title: str = "光合作用") -> Exercise:
    return Exercise(new_id(), new_id(), owner, title, "zh", (new_id(), new_id()), datetime.now(UTC))


def question(number: int) -> Question:
    return Question(
        question_id=new_id(),
        number=number,
        kind=QuestionKind.SINGLE_CHOICE,
        stem='题干 "引号" \' 😀',
        options=(Option("A", "甲"), Option("B", "乙")),
        answer_key=AnswerKey(
            option_keys=("A",), truth=None, blanks=(("a", "b"), ("c",)), rubric=(RubricPoint("p", 1.5),)
        ),
        explanation="解释",
        source=Source(3, 9, "引文。", 2, new_id(), "文档.pdf", new_id()),
        generator=Generator.MODEL,
        model="m",
        points=1.5,
    )


async def begun(runs: RunStore, owner: str = "ann", lease: float = 60.0) -> Exercise:
    made = exercise(owner)
    await runs.create(made, instance="one", lease_seconds=lease)
    return made
