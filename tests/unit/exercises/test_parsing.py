"""From a model's text to a draft."""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.exercises.checking import Refusal, RefusedError
from services.exercises.parsing import JsonObjectScanner, draft_of
from services.exercises.question import GAP, QuestionKind


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_reading_stops_where_the_object_closes(size: int) -> None:
    text = '```json\n{"a": "}{\\"]", "b": [1, {"c": "\\\\"}]}   \n\n{"a": 2}'
    scanner = JsonObjectScanner()
    fed = 0
    for start in range(0, len(text), size):
        fed = start + size
        if scanner.feed(text[start:fed]):
            break
    assert scanner.value() == {"a": '}{"]', "b": [1, {"c": "\\"}]}
    assert fed < len(text) + size


@pytest.mark.parametrize("text", ["", "no object", '{"a": "cut', '{"a": 1', "{a: 1}", "[1]"])
def test_what_is_no_object_is_invalid(text: str) -> None:
    scanner = JsonObjectScanner()
    scanner.feed(text)
    with pytest.raises(RefusedError) as refused:
        scanner.value()
    assert refused.value.reason is Refusal.INVALID_JSON


def draft(kind: QuestionKind, seed: int = 0, **value: Any) -> Any:
    given = {"quote": "光合作用产生氧气。", "stem": "题干", "explanation": "因为", **value}
    return draft_of(kind, given, passage=2, model="m", rng=random.Random(seed))  # noqa: S311


def test_choices_are_shuffled_and_the_key_follows() -> None:
    orders = set()
    for seed in range(12):
        made = draft(QuestionKind.SINGLE_CHOICE, seed, answer="A. 氧气", distractors=["B) 氮气", "氢气", "氦气"])
        assert [made.options[i] for i in made.correct] == ["氧气"]
        assert sorted(made.options) == sorted(["氧气", "氮气", "氢气", "氦气"])
        orders.add(made.options)
    assert len(orders) > 3
    many = draft(QuestionKind.MULTIPLE_CHOICE, correct=["甲", "乙"], wrong=["丙"])
    assert {many.options[i] for i in many.correct} == {"甲", "乙"}


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("光合作用产生____。", "光合作用产生____。"),
        ("光合作用产生______。", "光合作用产生____。"),
        ("光合作用产生（ ）。", "光合作用产生____。"),
        ("光合作用产生氧气。", "光合作用产生____。"),
        ("光合作用的产物是什么？", "光合作用产生____。"),
    ],
)
def test_gaps_are_written_one_way_and_cut_where_a_model_forgot(stem: str, expected: str) -> None:
    made = draft(QuestionKind.FILL_IN_THE_BLANK, stem=stem, answer="氧气")
    assert made.stem == expected
    assert GAP in made.stem
    assert made.blanks == (("氧气",),)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (QuestionKind.SINGLE_CHOICE, {"answer": "x"}),
        (QuestionKind.SINGLE_CHOICE, {"answer": 3, "distractors": []}),
        (QuestionKind.MULTIPLE_CHOICE, {"correct": "x", "wrong": []}),
        (QuestionKind.TRUE_FALSE, {"truth": "yes"}),
        (QuestionKind.FILL_IN_THE_BLANK, {}),
        (QuestionKind.SHORT_ANSWER, {"reference": "r", "rubric": [1]}),
        (QuestionKind.TRUE_FALSE, {"truth": True, "quote": ""}),
    ],
)
def test_a_missing_or_mistyped_field_is_invalid(kind: QuestionKind, value: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as refused:
        draft(kind, **value)
    assert refused.value.reason is Refusal.INVALID_JSON
