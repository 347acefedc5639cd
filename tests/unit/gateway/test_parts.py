"""Small parts: ranges, dispositions, event forms, settings, problems, file detection."""

from __future__ import annotations

import orjson
import pytest
from pydantic import ValidationError

from gateway.beside import settings_or_fault
from gateway.contract import Shape, file_messages, operations
from gateway.downloads import ByteRange, disposition, resolve_range
from gateway.problems import HTTP_STATUS, ProblemError, from_error
from gateway.settings import GatewaySettings
from gateway.sse import EventForm
from services.kit import errors
from tiku.docs.v1 import docs_pb2
from tiku.exercises.v1 import exercises_pb2
from tiku.llm.v1 import llm_pb2


def test_every_rpc_of_the_contract_has_a_shape() -> None:
    found = {operation.method.name: operation for operation in operations()}
    assert found["UploadDocument"].shape is Shape.UPLOAD
    assert found["DownloadDocument"].shape is Shape.DOWNLOAD
    assert found["WatchDocument"].shape is Shape.EVENTS
    assert found["GetDocument"].shape is Shape.UNARY
    assert found["GetDocument"].rpc == "/tiku.docs.v1.DocsService/GetDocument"
    assert {operation.domain for operation in found.values()} == {"llm", "retrieval", "docs", "exercises"}


def test_files_are_told_from_events() -> None:
    parts = file_messages(docs_pb2.UploadDocumentRequest.DESCRIPTOR)
    assert parts is not None
    assert (parts.description.name, parts.chunk.name) == ("description", "chunk")
    assert file_messages(llm_pb2.StreamChatResponse.DESCRIPTOR) is None


def test_an_event_of_each_form() -> None:
    wrapped = EventForm.of(exercises_pb2.GenerateExerciseResponse)
    token = exercises_pb2.RunEvent(number=3, token=exercises_pb2.RunToken(text="行\n"))
    raw = exercises_pb2.GenerateExerciseResponse(event=token).SerializeToString()
    assert wrapped.encode(raw).decode() == 'event: token\nid: 3\ndata: {"text":"行\\n"}\n\n'
    plain = EventForm.of(llm_pb2.StreamChatResponse)
    delta = llm_pb2.StreamChatResponse(delta=llm_pb2.ChatDelta(text="a"))
    assert plain.encode(delta.SerializeToString()) == b'event: delta\ndata: {"text":"a"}\n\n'
    whole = EventForm.of(docs_pb2.GetDocumentTextResponse)
    assert whole.encode(b"").startswith(b"event: message\ndata: {")


@pytest.mark.parametrize(
    ("header", "size", "span"),
    [
        (b"bytes=0-0", 5, ByteRange(0, 0)),
        (b"bytes=-1", 5, ByteRange(4, 4)),
        (b" bytes = 1 - 3 ", 5, ByteRange(1, 3)),
        (b"bytes=-", 5, None),
        (b"bytes=a-b", 5, None),
    ],
)
def test_a_range(header: bytes, size: int, span: ByteRange | None) -> None:
    assert resolve_range(header, size) == span


@pytest.mark.parametrize("header", [b"bytes=5-", b"bytes=-0", b"bytes=0-"])
def test_a_range_outside(header: bytes) -> None:
    with pytest.raises(ProblemError) as raised:
        resolve_range(header, 0 if header == b"bytes=0-" else 5)
    assert raised.value.status == 416


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.txt", b'attachment; filename="a.txt"'),
        (
            'x".html\r\nSet-Cookie: a=b',
            b"attachment; filename=\"x_.html__Set-Cookie_ a_b\"; filename*=UTF-8''x%22.html%0D%0ASet-Cookie%3A%20a%3Db",
        ),
        ("题", b"attachment; filename=\"_\"; filename*=UTF-8''%E9%A2%98"),
        ("..", b"attachment; filename=\"file\"; filename*=UTF-8''.."),
    ],
)
def test_a_name_cannot_break_out_of_its_header(name: str, header: bytes) -> None:
    assert disposition(name) == header


def test_a_full_disk_is_507_and_other_limits_are_429() -> None:
    assert (from_error(errors.disk_full()).status, from_error(errors.disk_full()).reason) == (507, "DISK_FULL")
    assert from_error(errors.ResourceExhausted("Too many.")).status == 429


def test_every_status_has_its_http() -> None:
    assert set(errors.BY_STATUS) <= set(HTTP_STATUS)
    problem = from_error(errors.InvalidArgument("Bad.", violations=[errors.FieldViolation("a", "is bad")]))
    body = orjson.loads(orjson.dumps(problem.body("id-1")))
    assert body == {
        "type": "urn:tiku:problem:invalid-argument",
        "title": "Bad Request",
        "status": 400,
        "detail": "Bad.",
        "reason": "INVALID_ARGUMENT",
        "request_id": "id-1",
        "errors": [{"field": "a", "message": "is bad"}],
    }


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKU_GATEWAY_LISTEN", "[::1]:0")
    monkeypatch.setenv("TIKU_DOCS_TARGET", "docs:1")
    monkeypatch.setenv("TIKU_GATEWAY_CORS_ORIGINS", '["https://a.example"]')
    settings = GatewaySettings()
    assert settings.listen == "[::1]:0"
    assert settings.targets()["docs"] == "docs:1"
    assert settings.cors_origins == ("https://a.example",)
    monkeypatch.setenv("TIKU_GATEWAY_HEARTBEAT_SECONDS", "0")
    with pytest.raises(ValidationError, match="heartbeat"):
        GatewaySettings()


@pytest.mark.parametrize("name", ["CORS_ORIGINS", "ALLOWED_HOSTS", "TRUSTED_PROXIES"])
def test_lists_come_with_commas_or_in_json(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for given in ("https://a.example, https://b.example", '["https://a.example","https://b.example"]'):
        monkeypatch.setenv(f"TIKU_GATEWAY_{name}", given)
        assert getattr(GatewaySettings(), name.lower()) == ("https://a.example", "https://b.example")
    monkeypatch.setenv(f"TIKU_GATEWAY_{name}", '["https://a.example"')
    told = settings_or_fault()
    assert isinstance(told, str)
    assert told.startswith(f"TIKU_GATEWAY_{name}: ")


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ("", ()),
        ("tiku.example", ("tiku.example",)),
        ("a.example, *.b.example,", ("a.example", "*.b.example")),
        ('["a.example", "[::1]:80"]', ("a.example", "[::1]:80")),
        ("*", ("*",)),
    ],
)
def test_lists_come_with_commas_or_as_json(monkeypatch: pytest.MonkeyPatch, given: str, hosts: tuple[str, ...]) -> None:
    monkeypatch.setenv("TIKU_GATEWAY_ALLOWED_HOSTS", given)
    assert GatewaySettings().allowed_hosts == hosts


def test_a_list_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKU_GATEWAY_ALLOWED_HOSTS", '["a.example"')
    with pytest.raises(ValidationError, match="allowed_hosts"):
        GatewaySettings()
