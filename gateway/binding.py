"""From an HTTP request to the serialized request of an RPC, by its `google.api.http` rule."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from google.protobuf.message import Message

from gateway.codec import Reader, UnusualError
from gateway.contract import Operation, descriptor_of
from gateway.exchange import Exchange
from gateway.problems import ProblemError, invalid
from gateway.routes import variable_names
from gateway.transcoding import LARGE_BYTES, fill, fill_from_path, fill_from_query, parse_object
from services.kit.errors import FieldViolation


class Binder:
    """Builds the requests of one operation."""

    def __init__(self, operation: Operation, *, max_json_bytes: int) -> None:
        self._operation = operation
        self._max_json_bytes = max_json_bytes
        self._read = Reader(descriptor_of(operation.request))
        bound = {name.partition(".")[0] for name in variable_names(operation.template)}
        if operation.body not in ("", "*"):
            bound.add(operation.body)
        self._not_in_query = frozenset(bound)
        after = operation.request.DESCRIPTOR.fields_by_name.get("after")
        self._resumable = after is not None and after.cpp_type == after.CPPTYPE_INT64

    async def bind(self, exchange: Exchange, variables: Mapping[str, str]) -> bytes:
        """Return the request, serialized.

        Raises:
            ProblemError: the HTTP request breaks a rule.
            ClientGoneError: the client left before the end of its body.
        """
        body = await self._body(exchange) if self._operation.body else b""
        if len(body) > LARGE_BYTES:
            return await asyncio.to_thread(self._serialized, exchange, variables, body)
        return self._serialized(exchange, variables, body)

    async def _body(self, exchange: Exchange) -> bytes:
        body = await exchange.read_body(self._max_json_bytes)
        if body:
            require_json(exchange)
        return body

    def _serialized(self, exchange: Exchange, variables: Mapping[str, str], body: bytes) -> bytes:
        message = self._operation.request()
        self._fill_body(message, body)
        if self._operation.body == "*":
            _refuse_query(exchange)
        else:
            fill_from_query(message, exchange.query, except_for=self._not_in_query)
        if variables:
            fill_from_path(message, variables)
        if self._resumable:
            _resume(message, exchange.headers.get(b"last-event-id"))
        return message.SerializeToString()

    def _fill_body(self, message: Message, body: bytes) -> None:
        if not self._operation.body:
            return
        members = parse_object(body)
        if self._operation.body == "*":
            try:
                self._read(message, members)
            except UnusualError:
                message.Clear()
                fill(message, members)
        elif members:
            fill(getattr(message, self._operation.body), members, prefix=self._operation.body + ".")


def require_json(exchange: Exchange) -> None:
    """Refuse a body that is not declared as JSON; this also keeps out the plain forms of other sites' pages.

    Raises:
        ProblemError: 415, the content type is another one.
    """
    kind = exchange.content_type
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise ProblemError(
            415, "UNSUPPORTED_MEDIA_TYPE", "The body must be JSON, sent with Content-Type: application/json."
        )


def _refuse_query(exchange: Exchange) -> None:
    if exchange.query:
        raise invalid(
            "This operation takes its parameters from the body, not from the query string.",
            FieldViolation(exchange.query.decode("latin-1").partition("=")[0], "unknown parameter"),
            reason="INVALID_FIELD",
        )


def _resume(message: Message, last_event_id: bytes | None) -> None:
    """Continue after the event that a reconnecting EventSource saw last, unless the query names a later one."""
    if not last_event_id:
        return
    if not last_event_id.isdigit() or len(last_event_id) > 18:
        raise invalid(
            "The number of the last event is not understood.",
            FieldViolation("Last-Event-ID", "must be the id of an event of this stream"),
        )
    message.after = max(message.after, int(last_event_id))  # type: ignore[attr-defined]
