"""Bytes that are no message: every service says INVALID_ARGUMENT, on every kind of call, and logs no traceback."""

from __future__ import annotations

import logging
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.kit import errors, rpc_errors
from services.kit.server import App, Registration, running
from tiku.docs.v1 import docs_pb2_grpc
from tiku.exercises.v1 import exercises_pb2_grpc
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc
from tiku.retrieval.v1 import retrieval_pb2_grpc

_METHODS = {
    "/tiku.llm.v1.LlmService/Chat": "unary_unary",
    "/tiku.llm.v1.LlmService/StreamChat": "unary_stream",
    "/tiku.docs.v1.DocsService/UploadDocument": "stream_unary",
    "/tiku.docs.v1.DocsService/GetDocument": "unary_unary",
    "/tiku.retrieval.v1.RetrievalService/Answer": "unary_stream",
    "/tiku.exercises.v1.ExercisesService/GenerateExercise": "unary_stream",
    "/tiku.exercises.v1.ExercisesService/SubmitExercise": "unary_unary",
    "/grpc.health.v1.Health/Check": "unary_unary",
    "/grpc.health.v1.Health/Watch": "unary_stream",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "stream_stream",
}
_BYTES = {
    "cut short": b"\x0a\x7fab",
    "noise": b"\xff" * 32,
    "an endless number": b"\x0a" + b"\x80" * 11,
    "a group that does not end": b"\x0b" * 200,
    "text in Latin-1": b"\x0a\x02\xe9\xe8",
    "a field without a number": b"\x00\x01",
}


class _Docs(docs_pb2_grpc.DocsServiceServicer):
    """Reads what it is sent: a servicer that does not never parses its stream."""

    async def UploadDocument(self, requests: Any, context_: Any) -> Any:  # noqa: N802
        return [request async for request in requests]


def _app() -> App:
    added: list[tuple[Any, Any, str]] = [
        (llm_pb2_grpc.add_LlmServiceServicer_to_server, llm_pb2_grpc.LlmServiceServicer(), "tiku.llm.v1.LlmService"),
        (
            docs_pb2_grpc.add_DocsServiceServicer_to_server,
            _Docs(),
            "tiku.docs.v1.DocsService",
        ),
        (
            retrieval_pb2_grpc.add_RetrievalServiceServicer_to_server,
            retrieval_pb2_grpc.RetrievalServiceServicer(),
            "tiku.retrieval.v1.RetrievalService",
        ),
        (
            exercises_pb2_grpc.add_ExercisesServiceServicer_to_server,
            exercises_pb2_grpc.ExercisesServiceServicer(),
            "tiku.exercises.v1.ExercisesService",
        ),
    ]
    return App("test", [Registration(*one) for one in added])


async def _sent(channel: grpc.aio.Channel, method: str, raw: bytes) -> errors.TikuError:
    """Send raw bytes as the only request of a call; return what it fails with."""
    kind = _METHODS[method]
    call = getattr(channel, kind)(method)(iter([raw]) if kind.startswith("stream") else raw, timeout=5)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (call if kind.endswith("unary") else anext(aiter(call)))
    return rpc_errors.from_rpc_error(caught.value)


@pytest.mark.parametrize("raw", _BYTES.values(), ids=list(_BYTES))
async def test_bytes_that_are_no_message_are_refused(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with running(_app(), "127.0.0.1:0") as server, grpc.aio.insecure_channel(server.address) as channel:
        for method in _METHODS:
            error = await _sent(channel, method, raw)
            assert (type(error), error.reason) == (errors.InvalidArgument, "MALFORMED_MESSAGE"), method
            assert method.removeprefix("/") in error.message
            assert "Error" not in error.message
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_struct_nested_too_deeply_is_refused() -> None:
    schema = b""
    for _ in range(120):  # Each level of a Struct is three messages, the entry of a map, a value and a struct.
        entry = _field(1, b"a") + _field(2, _field(5, schema))
        schema = _field(1, entry)
    output = _field(1, b"name") + _field(2, schema)
    field = llm_pb2.ChatOptions.DESCRIPTOR.fields_by_name["structured_output"].number
    options = llm_pb2.ChatRequest.DESCRIPTOR.fields_by_name["options"].number
    async with running(_app(), "127.0.0.1:0") as server, grpc.aio.insecure_channel(server.address) as channel:
        error = await _sent(channel, "/tiku.llm.v1.LlmService/Chat", _field(options, _field(field, output)))
    assert (type(error), error.reason) == (errors.InvalidArgument, "MALFORMED_MESSAGE")


async def test_the_server_serves_on_and_an_oversized_message_is_still_exhausted() -> None:
    async with running(_app(), "127.0.0.1:0") as server, grpc.aio.insecure_channel(server.address) as channel:
        await _sent(channel, "/tiku.llm.v1.LlmService/Chat", b"\xff")
        error = await _sent(channel, "/tiku.llm.v1.LlmService/Chat", bytes(17 * 1024 * 1024))
        assert isinstance(error, errors.ResourceExhausted)
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def _field(number: int, value: bytes) -> bytes:
    """Return a length-delimited field on the wire."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
