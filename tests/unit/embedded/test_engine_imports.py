"""What an engine's start does not wait for."""

from __future__ import annotations

import subprocess
import sys

import pytest
import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.filters import match


def test_a_start_does_not_load_what_few_calls_need() -> None:
    few_need = {"numpy", "qdrant_client.qdrant_client", "pydantic"}
    code = f"import services.embedded.qdrant_server.__main__, sys; print(*{few_need} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("message", "value"), [(pb.Match(boolean=True), True), (pb.Match(boolean=False), False), (pb.Match(integer=1), 1)]
)
def test_a_truth_value_is_no_integer(message: pb.Match, value: object) -> None:
    found = match(message)
    assert isinstance(found, edge.MatchValue)
    assert type(found.value) is type(value)
    assert found.value == value
