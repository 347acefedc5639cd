"""Reading the first JSON object of a text that comes in pieces."""

from __future__ import annotations

import pytest

from services.common.values import TokenUsage
from services.exercises.domain.completion import WrittenObject
from services.exercises.values.chat import ChatFinish
from services.exercises.values.refusal import Refusal, RefusedError


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_reading_stops_where_the_object_closes(size: int) -> None:
    text = '```json\n{"a": "}{\\"]", "b": [1, {"c": "\\\\"}]}   \n\n{"a": 2}'
    scanner = WrittenObject()
    fed = 0
    for start in range(0, len(text), size):
        fed = start + size
        if scanner.feed(text[start:fed]):
            break
    assert scanner.value() == {"a": '}{"]', "b": [1, {"c": "\\"}]}
    assert fed < len(text) + size


@pytest.mark.parametrize(
    "text", ["no object", '{"a": "cut', '{"a": ["x", "Hyd', '{"a": ', "[1]", '{"a":' * 40 + "1" + "}" * 40]
)
def test_what_is_no_object_is_invalid(text: str) -> None:
    scanner = WrittenObject()
    scanner.feed(text)
    with pytest.raises(RefusedError) as refused:
        scanner.value()
    assert refused.value.reason is Refusal.INVALID_JSON


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (ChatFinish("m", TokenUsage(), truncated=True, thought=True), Refusal.MODEL_CUT),
        (ChatFinish("m", TokenUsage(), refused=True, truncated=True), Refusal.MODEL_REFUSED),
        (ChatFinish("m", TokenUsage(), thought=True), Refusal.MODEL_ONLY_THOUGHT),
        (ChatFinish("m", TokenUsage()), Refusal.MODEL_WROTE_NOTHING),
    ],
)
def test_how_a_model_ended_says_why_there_is_no_object(finish: ChatFinish, reason: Refusal) -> None:
    written = WrittenObject()
    written.feed(" \n")
    written.finish = finish
    with pytest.raises(RefusedError) as refused:
        written.value()
    assert refused.value.reason is reason
