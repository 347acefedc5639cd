"""Spans of OpenTelemetry: which work a request caused, in which process, and how long each part took.

They are off unless OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) names where they go. While they
are off, nothing of the SDK is imported, and `span` costs one comparison. The current span is kept here and not in the
SDK's context: a generator's block may end in another context than it began in.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import re
import threading
from asyncio import CancelledError
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from services.kit import context
from services.kit.errors import TikuError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

Kind = Literal["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
Value = str | int | float | bool

_STOP_SECONDS: Final = 1.0
"""Longest that the end of a process waits for its last spans to be sent."""
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")

logger = logging.getLogger(__name__)


class Span:
    """One piece of work; this one is recorded nowhere.

    As a context manager it is the current span of the block, which it ends with.
    """

    __slots__ = ()

    @property
    def traceparent(self) -> str:
        """The W3C header of work below it; empty for one that is recorded nowhere."""
        return ""

    def rename(self, name: str) -> None:
        """Give it another name, where the right one is known late."""

    def set(self, key: str, value: Value) -> None:
        """Add an attribute, named by OpenTelemetry's semantic conventions where they have a name."""

    def end(self, error: BaseException | None = None) -> None:
        """End the work, with the error that ended it."""

    def __enter__(self) -> Span:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        pass


class _Recorded(Span):
    """A span that the SDK records."""

    __slots__ = ("_before", "_header", "_span")

    def __init__(self, span: Any) -> None:
        self._span = span
        found = span.get_span_context()
        self._header = f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"
        self._before: _Recorded | None = None

    @property
    def traceparent(self) -> str:
        return self._header

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, key: str, value: Value) -> None:
        self._span.set_attribute(key, value)

    def end(self, error: BaseException | None = None) -> None:
        if isinstance(error, CancelledError | GeneratorExit):
            # It was not wanted any more, which is no fault.
            self._span.set_attribute("error.type", "canceled")
        elif error is not None:
            self._span.set_attribute("error.type", _error_type(error))
            self._fail(str(error))
        self._span.end()

    def _fail(self, description: str) -> None:
        from opentelemetry.trace import Status, StatusCode  # It is loaded: a span was begun.

        self._span.set_status(Status(StatusCode.ERROR, description))

    def __enter__(self) -> Span:
        self._before = _current.get()
        _current.set(self)
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        _current.set(self._before)
        self.end(error)


_NOT_RECORDED: Final = Span()
_current: contextvars.ContextVar[_Recorded | None] = contextvars.ContextVar("tiku_span", default=None)
_tracer: Tracer | None = None


def on() -> bool:
    """Return whether spans are recorded."""
    return _tracer is not None


def span(
    name: str, kind: Kind = "INTERNAL", attributes: Mapping[str, Value] | None = None, parent: str | None = None
) -> Span:
    """Begin a span below the current one, or below that of a `traceparent` header."""
    if _tracer is None:
        return _NOT_RECORDED
    from opentelemetry.trace import SpanKind

    current = _current.get() if parent is None else None
    below = current.traceparent if current is not None else parent or ""
    return _Recorded(
        _tracer.start_span(name, context=_context(below), kind=SpanKind[kind], attributes=dict(attributes or {}))
    )


def traceparent() -> str:
    """Return the W3C header that puts another process's work below the current span; empty outside of a request."""
    current = _current.get()
    if current is not None:
        return current.traceparent
    trace_id = context.current().trace_id
    return context.traceparent(trace_id) if trace_id else ""


@contextlib.contextmanager
def exported(service: str) -> Iterator[None]:
    """Record spans of this process and send them where a variable says until the block ends; do nothing without one.

    They are sent from a thread of their own, in batches. What a collector that is away does not take is dropped.
    """
    global _tracer  # One process has one tracer, as it has one root logger.
    if not _wanted():
        yield
        return
    from services.kit.otlp import tracer_and_shutdown

    _tracer, shutdown = tracer_and_shutdown(service)
    try:
        yield
    finally:
        _tracer = None
        # A thread that ends with the process: a collector that hangs does not hold it up.
        stopping = threading.Thread(target=shutdown, daemon=True)
        stopping.start()
        stopping.join(_STOP_SECONDS)


def _wanted() -> bool:
    get = os.environ.get
    named = get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or get("OTEL_EXPORTER_OTLP_ENDPOINT")
    disabled = get("OTEL_SDK_DISABLED", "").lower() == "true" or get("OTEL_TRACES_EXPORTER", "otlp") == "none"
    return bool(named) and not disabled


def _context(header: str) -> Any:
    """Return the SDK's context of a `traceparent` header; that of a new trace for none, or for a malformed one."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    found = _TRACEPARENT.fullmatch(header)
    if found is None:
        return Context()
    trace, span_id, flags = (int(part, 16) for part in found.groups())
    remote = SpanContext(trace, span_id, is_remote=True, trace_flags=TraceFlags(flags & TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(remote), Context())


def _error_type(error: BaseException) -> str:
    return error.reason if isinstance(error, TikuError) else type(error).__qualname__
