"""A client that no one here wrote: grpcurl finds and calls every service through reflection."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.e2e.stack import Up
from tests.shared import GRPCURL

pytestmark = [
    pytest.mark.model,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not GRPCURL.exists(), reason="no grpcurl: name the program in GRPCURL"),
]

SERVICES = {
    "llm": ["tiku.llm.v1.LlmService"],
    "retrieval": ["tiku.retrieval.v1.GraphService", "tiku.retrieval.v1.RetrievalService"],
    "docs": ["tiku.docs.v1.DocsService"],
    "exercises": ["tiku.exercises.v1.ExercisesService", "tiku.exercises.v1.ProfileService"],
}


async def _grpcurl(up: Up, service: str, *arguments: str, data: dict[str, Any] | None = None) -> tuple[int | None, str]:
    """Its exit code and what it said."""
    address = (await up.state())["services"][service]["address"]
    request = ["-d", json.dumps(data)] if data is not None else []
    process = await asyncio.create_subprocess_exec(
        *(str(GRPCURL), "-plaintext", "-max-time", "20", *request, address, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_is_listed_and_healthy(stack: Up, service: str) -> None:
    code, listed = await _grpcurl(stack, service, "list")
    assert code == 0, listed
    standard = {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert set(listed.split()) >= {*SERVICES[service], *standard}
    for name in SERVICES[service]:
        code, health = await _grpcurl(stack, service, "grpc.health.v1.Health/Check", data={"service": name})
        assert (code, json.loads(health)) == (0, {"status": "SERVING"})


@pytest.mark.parametrize(
    ("service", "rpc", "request_body", "expected"),
    [
        ("llm", "tiku.llm.v1.LlmService/ListModels", {}, "tutor"),
        ("retrieval", "tiku.retrieval.v1.RetrievalService/Search", {"query": "light"}, "{"),
        ("docs", "tiku.docs.v1.DocsService/ListDocuments", {"page_size": 1}, "{"),
        ("exercises", "tiku.exercises.v1.ExercisesService/ListExercises", {"page_size": 1}, "{"),
        ("exercises", "tiku.exercises.v1.ProfileService/GetProfile", {}, '"dev"'),
    ],
)
async def test_every_service_answers(
    stack: Up, service: str, rpc: str, request_body: dict[str, Any], expected: str
) -> None:
    code, said = await _grpcurl(stack, service, rpc, data=request_body)
    assert code == 0, said
    assert expected in said


async def test_what_is_refused_says_why(stack: Up) -> None:
    data = {"cypher": "MATCH (n) DETACH DELETE n"}
    code, said = await _grpcurl(stack, "retrieval", "tiku.retrieval.v1.GraphService/Query", data=data)
    assert code != 0
    assert "InvalidArgument" in said
    assert "is refused" in said
