"""What learners write into gaps: the same value in every usual notation is right, another value never is."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.common.values import Source
from services.exercises.domain.grading.objective import grade
from services.exercises.values.question import AnswerKey, Generator, Question, QuestionKind
from services.exercises.values.submission import Answer, Verdict


def gaps(stem: str, *keys: str) -> Question:
    return Question(
        question_id="q1",
        number=1,
        kind=QuestionKind.FILL_IN_THE_BLANK,
        stem=stem,
        options=(),
        answer_key=AnswerKey(blanks=tuple((key,) for key in keys)),
        explanation="because",
        source=Source(0, 4, "text"),
        generator=Generator.CLOZE,
        model="",
        points=2.0,
    )


def verdict(stem: str, keys: str, given: str) -> Verdict:
    """Return the verdict on what was filled in; several gaps stand with a `|` between them."""
    return grade(gaps(stem, *keys.split(" | ")), Answer("q1", blanks=tuple(given.split(" | ")))).verdict


def test_pairs() -> None:
    """Each line has whether the answer is right, the key, the answer, and perhaps the stem."""
    lines = (Path(__file__).parent / "material" / "gaps.tsv").read_text(encoding="utf-8").splitlines()
    wrong = []
    for line in lines:
        sign, keys, given, *stem = line.split("\t")
        right = verdict((stem or ["The answer is ____."])[0], keys, given) is Verdict.CORRECT
        if right is not (sign == "="):
            wrong.append(line)
    assert not wrong


@pytest.mark.parametrize(
    ("stem", "given", "expected"),
    [
        ("由____、____和____组成。", "氧 | 碳 | 氢", Verdict.CORRECT),
        ("由____、____和____组成。", "氧 | 碳 | 碳", Verdict.PARTIAL),
        ("依次是____、____和____。", "氧 | 碳 | 氢", Verdict.INCORRECT),
        ("依次是____、____和____。", "碳 | 氢 | 氧", Verdict.CORRECT),
        ("____, ____ and ____ make it up.", "氢 | 氧 | 碳", Verdict.CORRECT),
        ("____ reacts with ____ and ____.", "氢 | 碳 | 氧", Verdict.PARTIAL),
        ("____ reacts with ____ and ____.", "碳 | 氧 | 氢", Verdict.CORRECT),
    ],
)
def test_gaps_side_by_side_stand_in_any_order_unless_one_is_asked_for(stem: str, given: str, expected: Verdict) -> None:
    assert verdict(stem, "碳 | 氢 | 氧", given) is expected
