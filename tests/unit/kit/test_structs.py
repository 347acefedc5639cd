"""JSON in a Struct, whose numbers are doubles."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct

from services.kit.structs import members_of, struct_of


@pytest.mark.parametrize(
    "members",
    [
        {"a": 2**53, "b": -(2**53)},
        {"a": 2**53 + 1, "b": -(2**53) - 1},
        {"a": [2**63 - 1, 2**63, 2**64 - 1], "b": {"c": {"d": 10**400}}},
        {"a": 0.1, "b": 3, "d": True, "e": None, "f": [], "g": {}},
        {"@integer": {"type": "string"}, "a": {"@integer": "many"}, "b": {"@integer": "7", "c": "8"}},
    ],
)
def test_what_goes_in_comes_out(members: dict[str, Any]) -> None:
    sent = struct_of(members).SerializeToString()
    again = members_of(Struct.FromString(sent))
    assert again == members
    assert [type(again[name]) for name in members] == [type(value) for value in members.values()]


def test_only_what_no_double_holds_has_another_form() -> None:
    struct = struct_of({"a": 2**60, "b": 2**60 + 1})
    assert struct["a"] == 2.0**60
    held = struct["b"]
    assert isinstance(held, Struct)
    assert dict(held) == {"@integer": "1152921504606846977"}
