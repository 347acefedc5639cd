"""The explanation agrees with json_format: it finds a fault where, and only where, json_format refuses."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from gateway.violations import violations_of
from tests.properties import examples
from tiku.exercises.v1 import exercises_pb2, profile_pb2
from tiku.llm.v1 import llm_pb2
from tiku.retrieval.v1 import graph_pb2

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    # json_format takes an empty string or list for an empty message; here that is a fault.
    | st.text(min_size=1, max_size=5)
    | st.sampled_from(["1", "-1", "1.5", "QUESTION_KIND_TRUE_FALSE", "2026-01-01T00:00:00Z"]),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
FIELDS = [
    (exercises_pb2.GenerateExerciseRequest, name)
    for name in ("text", "kinds", "count", "generator", "detached", "documents", "nonsense")
] + [
    (llm_pb2.ChatRequest, "options"),
    (llm_pb2.ChatOptions, "temperature"),
    (llm_pb2.ChatOptions, "seed"),
    (llm_pb2.ChatOptions, "stop"),
    (llm_pb2.ReadFileRequest, "chunk"),
    (profile_pb2.UpdateProfileRequest, "update_mask"),
    (profile_pb2.Profile, "create_time"),
    (graph_pb2.QueryRequest, "parameters"),
]


@examples(5)
@given(st.sampled_from(FIELDS), VALUES)
def test_the_explanation_agrees_with_json_format(target: tuple[Any, str], value: Any) -> None:
    kind, name = target
    try:
        json_format.ParseDict({name: value}, kind())
        refused = False
    except (json_format.ParseError, AttributeError, OverflowError, TypeError):
        refused = True
    found = violations_of({name: value}, kind.DESCRIPTOR)
    if refused:
        assert all(violation.field.startswith(name) for violation in found)
    else:
        assert found == []


@pytest.mark.parametrize(
    ("members", "field", "message"),
    [
        ({"options": []}, "options", "must be an object, not a list"),
        ({"options": {"temperature": []}}, "options.temperature", "must be a number, not a list"),
        ({"options": {"max_tokens": 2**31}}, "options.max_tokens", "must be from -2147483648 to 2147483647"),
        ({"options": {"seed": "1x"}}, "options.seed", "must be a whole number"),
        ({"options": {"stop": "END"}}, "options.stop", "must be a list, not a string"),
        (
            {"messages": [{"role": "BOSS"}]},
            "messages[0].role",
            "must be one of ROLE_UNSPECIFIED, ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL, ROLE_DEVELOPER",
        ),
        ({"messages": [None]}, "messages[0]", "must be an object, not null"),
        (
            {"options": {"structured_output": {"json_schema": 1}}},
            "options.structured_output.json_schema",
            "is not a valid Struct",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(members: dict[str, Any], field: str, message: str) -> None:
    assert violations_of(members, llm_pb2.ChatRequest.DESCRIPTOR) == [(field, message)]


def test_no_more_than_a_screenful() -> None:
    assert len(violations_of({str(n): 1 for n in range(99)}, llm_pb2.ChatRequest.DESCRIPTOR)) == 32
