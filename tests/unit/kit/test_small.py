"""Ids, page tokens, trace headers, errors' way through gRPC's trailers, JSON logs."""

from __future__ import annotations

import io
import json
import logging

import grpc
import orjson
import pytest

from services.kit import context, ids, logs, paging, rpc_errors
from services.kit.errors import BY_STATUS, FieldViolation, InvalidArgument, ResourceExhausted, TikuError


def test_ids_sort_by_time_and_are_recognised() -> None:
    made = [ids.new_id() for _ in range(100)]
    assert made == sorted(made)
    assert all(ids.is_id(one) for one in made)
    assert not ids.is_id("x" * 36)
    assert not ids.is_id(made[0] + "0")


def test_a_page_token_comes_back_as_it_went() -> None:
    position = {"time": "2026-01-01T00:00:00Z", "id": "甲"}
    assert paging.decode_cursor(paging.encode_cursor(position)) == position


@pytest.mark.parametrize("token", ["!", "abc", paging.encode_cursor({})[:-1] + "\x00", "W10"])
def test_a_foreign_page_token_names_the_field(token: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        paging.decode_cursor(token)
    assert caught.value.violations[0].field == "page_token"


def test_a_trace_is_continued_and_nonsense_is_not() -> None:
    trace = context.new_trace_id()
    assert context.trace_id_of(context.traceparent(trace)) == trace
    for header in ("", "00-0-0-0", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'G' * 32}-{'1' * 16}-01"):
        assert context.trace_id_of(header) is None


class _Arrived(grpc.RpcError):
    """An error as a client's call holds it."""

    def __init__(self, code: grpc.StatusCode, trailers: tuple[tuple[str, bytes], ...]) -> None:
        self._code, self._trailers = code, trailers

    def code(self) -> grpc.StatusCode:
        return self._code

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return self._trailers


@pytest.mark.parametrize("kind", BY_STATUS.values())
def test_an_error_survives_the_wire(kind: type[TikuError]) -> None:
    sent = kind("Name is too long.", reason="TOO_LONG", metadata={"a": "b"}, retry_after=1.5)
    sent.violations = (FieldViolation("name", "must be short"),)
    code, message, trailers = rpc_errors.to_status(sent)
    received = rpc_errors.from_rpc_error(_Arrived(code, trailers))
    assert type(received) is kind
    assert (received.message, received.reason, received.metadata) == (message, "TOO_LONG", {"a": "b"})
    assert (received.violations, received.retry_after) == (sent.violations, 1.5)


def test_a_fault_of_our_own_leaves_as_a_neutral_sentence() -> None:
    code, message, trailers = rpc_errors.to_status(RuntimeError("SQLSTATE 42P01 relation secret"))
    assert code is grpc.StatusCode.INTERNAL
    assert "secret" not in message
    assert all(b"secret" not in value for _, value in trailers)


def test_many_violations_still_fit_a_trailer() -> None:
    error = InvalidArgument("Bad.", violations=[FieldViolation(f"f[{i}]", "x" * 100) for i in range(1000)])
    _, _, trailers = rpc_errors.to_status(error)
    assert 5_000 < len(trailers[0][1]) < 8_192


def test_a_plain_status_becomes_its_error() -> None:
    error = rpc_errors.from_rpc_error(_Arrived(grpc.StatusCode.RESOURCE_EXHAUSTED, ()))
    assert type(error) is ResourceExhausted


def test_logs_are_json_with_the_requests_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    with logs.configured("llm"):
        token = context.enter(context.RequestContext(request_id="r1", trace_id="t1", user_id="u1"))
        try:
            logging.getLogger("x").info("%s 题", "a", extra={"seconds": 1.5})
            raise ValueError("why")
        except ValueError:
            logging.getLogger("x").exception("failed")
        finally:
            context.leave(token)
    first, second = (orjson.loads(line) for line in written.getvalue().splitlines())
    assert (first["message"], first["seconds"], first["request_id"], first["service"]) == ("a 题", 1.5, "r1", "llm")
    assert "ValueError: why" in second["exception"]
    assert json.loads(written.getvalue().splitlines()[0])["user_id"] == "u1"
