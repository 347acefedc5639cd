"""Spans: none unless a variable asks for them, and no collector holds a process up."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.kit import context, tracing
from services.kit.channels import outgoing_metadata
from services.kit.errors import NotFound, Unavailable
from services.kit.interceptors import Call, Tracing
from tests.fakes.otlp import Collector

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@asynccontextmanager
async def recording(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """Record spans in the block; they are all in the collector after it."""
    async with Collector() as collector, recorded(monkeypatch, collector.endpoint):
        yield collector


@asynccontextmanager
async def recorded(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> AsyncIterator[None]:
    """Record spans in the block; begin and end beside the loop, as a process does."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    opened = tracing.exported("test")
    await asyncio.to_thread(opened.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(opened.__exit__, None, None, None)


def test_without_a_variable_there_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    with tracing.exported("test"):
        assert not tracing.on()
        assert tracing.span("a") is tracing.span("b")
        with tracing.span("a") as span:
            assert span.traceparent == tracing.traceparent() == ""


@pytest.mark.no_cover
def test_without_a_variable_the_sdk_is_not_imported() -> None:
    rooms = "import gateway.app, services.kit.process, services.llm.app"
    check = "import sys; sys.exit(any(name.startswith('opentelemetry.sdk') for name in sys.modules))"
    subprocess.run([sys.executable, "-c", f"{rooms}; {check}"], check=True)


async def test_spans_nest_and_say_how_they_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async with recording(monkeypatch) as collector:
        with tracing.span("outer", "SERVER", {"a": 1}, PARENT):
            assert outgoing_metadata()[-1] == ("traceparent", tracing.traceparent())
            with pytest.raises(Unavailable), tracing.span("inner", "CLIENT"):
                raise Unavailable("away", reason="AWAY")
            with pytest.raises(asyncio.CancelledError), tracing.span("left"):
                raise asyncio.CancelledError
        with tracing.span("alone", parent="no header"):
            pass

    outer, inner, left, alone = (
        next(span for span in collector.spans if span.name == name) for name in ("outer", "inner", "left", "alone")
    )
    assert (outer.trace_id, outer.parent_id) == (PARENT[3:35], PARENT[36:52])
    assert (inner.parent_id, inner.failed, inner.attributes["error.type"]) == (outer.span_id, True, "AWAY")
    assert (left.parent_id, left.failed, left.attributes["error.type"]) == (outer.span_id, False, "canceled")
    assert alone.parent_id == ""
    assert {span.service for span in collector.spans} == {"tiku-test"}


class _Context:
    def invocation_metadata(self) -> tuple[()]:
        return ()


async def test_what_a_caller_did_wrong_is_no_fault_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async with recording(monkeypatch) as collector:
        for error in (NotFound("gone"), Unavailable("away")):
            untraced: Any = _Context()
            call = Call("/tiku.llm.v1.LlmService/Chat", untraced)
            stage = Tracing()
            stage.enter(call)
            # The logs of a request without a trace name that of its span.
            assert call.span is not None
            assert context.current().trace_id == call.span.traceparent[3:35]
            stage.leave(call, error)

    assert [(span.failed, span.attributes["rpc.grpc.status_code"]) for span in collector.spans] == [
        (False, 5),
        (True, 14),
    ]
    assert collector.spans[0].attributes["rpc.service"] == "tiku.llm.v1.LlmService"


@pytest.mark.parametrize("listens", [True, False], ids=["hangs", "is away"])
async def test_a_collector_that_takes_nothing_costs_nothing(monkeypatch: pytest.MonkeyPatch, listens: bool) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        async with recorded(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}"):
            for _ in range(3000):  # More than the queue takes.
                tracing.span("a").end()
        assert not tracing.on()
