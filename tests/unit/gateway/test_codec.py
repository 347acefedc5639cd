"""The compiled codec against json_format: equal in what it writes, and in what it reads where it reads."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec import Reader, UnusualError, Writer
from gateway.contract import descriptor_of, message_of, operations
from tests.properties import examples
from tiku.llm.v1 import llm_pb2
from tiku.retrieval.v1 import retrieval_pb2

KINDS = sorted(
    {kind for operation in operations() for kind in (operation.request, operation.response)},
    key=lambda kind: kind.DESCRIPTOR.full_name,
)
WRITERS = {kind: Writer(descriptor_of(kind)) for kind in KINDS}
READERS = {kind: Reader(descriptor_of(kind)) for kind in KINDS}

ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
)


def members_of(descriptor: Descriptor, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects for a message: mostly right, now and then odd."""
    fields = {}
    for field in descriptor.fields:
        right = value_of(field, depth)
        fields[field.name] = st.one_of(right, right, right, ODD)
    return st.fixed_dictionaries({}, optional=fields)


def value_of(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    """Values for a field."""
    item = item_of(field, depth)
    return st.lists(item, max_size=2) if field.is_repeated else item


def item_of(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    """One value for a field."""
    if field.message_type is not None:
        name = field.message_type.full_name
        if name == "google.protobuf.Timestamp":
            return st.just("2026-01-02T03:04:05Z")
        if name.startswith("google.protobuf."):
            return st.just({"a": [1, None]}) | st.just([1, "x"]) | st.just("a,bC")
        return members_of(message_of(field), depth + 1) if depth < 3 else st.just({})
    if field.enum_type is not None:
        return st.sampled_from([value.name for value in field.enum_type.values])
    by_type = {
        FieldDescriptor.CPPTYPE_STRING: st.text(max_size=4),
        FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
        FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False) | st.integers(-9, 9),
        FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32, allow_nan=False) | st.integers(-9, 9),
        FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    }
    return by_type.get(field.cpp_type, st.integers(-(2**31), 2**31 - 1))


@examples(3)
@given(st.data())
def test_it_reads_and_writes_as_json_format_does(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    members = data.draw(members_of(descriptor_of(kind)))
    try:
        expected = json_format.ParseDict(members, kind())
    except json_format.ParseError:
        expected = None
    message = kind()
    try:
        READERS[kind](message, members)
    except UnusualError:
        pass
    else:
        assert expected is not None
        assert message == expected
    if expected is not None:
        written = json_format.MessageToDict(
            expected, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        assert orjson.loads(orjson.dumps(WRITERS[kind](expected))) == orjson.loads(orjson.dumps(written))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_is_written_as_json_format_writes_it(value: float) -> None:
    message = llm_pb2.Embedding(values=[value])
    assert Writer(descriptor_of(llm_pb2.Embedding))(message)["values"] == json_format.MessageToDict(message)["values"]


def test_the_plain_case_is_read() -> None:
    message = llm_pb2.ChatRequest()
    members = {
        "messages": [{"role": "ROLE_USER", "content": "hi"}],
        "options": {"temperature": 1, "stop": ["a"], "seed": 5},
    }
    Reader(descriptor_of(llm_pb2.ChatRequest))(message, members)
    assert message == json_format.ParseDict(members, llm_pb2.ChatRequest())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_words_for_what_is_no_number(value: float) -> None:
    message = retrieval_pb2.Hit(score=value)
    assert Writer(descriptor_of(retrieval_pb2.Hit))(message)["score"] == json_format.MessageToDict(message)["score"]
