"""What happens around every call, in one order, for all four kinds of RPC.

grpc.aio runs the coroutine of each interceptor for every call and gives it a handler to wrap. Here each handler is
wrapped once, when it is registered, with a fixed list of *stages*. Their hooks are synchronous, since none of them has
to wait, and so the whole chain costs less than a third of a bare call (`benchmarks/`).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import grpc
import protovalidate
from google.protobuf.message import DecodeError, Message

from services.kit import context, errors, rpc_errors, tracing
from services.kit.canonical_ids import CanonicalIds
from services.kit.loop_lag import LoopLagMonitor
from services.kit.rpc_metrics import RpcMetrics

_SLOW_SECONDS = 5.0
_CANCELLATION_SECONDS = 0.010
_SERVER_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""The statuses of which OpenTelemetry says that a server is at fault."""

logger = logging.getLogger("tiku.access")


@dataclass(slots=True)
class Call:
    """One call as the stages see it."""

    method: str
    servicer_context: grpc.aio.ServicerContext[Any, Any]
    started: float = 0.0
    time_left: float | None = None
    """Seconds from the start of the call until the caller stops waiting; None for never."""
    traceparent: str = ""
    """The caller's span; empty for none."""
    span: tracing.Span | None = None


class Stage:
    """One concern around a call. `enter` runs in order, `leave` in reverse."""

    def prepare(self, empty: Message) -> None:
        """Make ready for requests of a kind, of which this is an empty one; called before the server serves."""

    def enter(self, call: Call) -> None:
        """Act before the handler; a `TikuError` refuses the call."""

    def request(self, call: Call, message: Message) -> None:
        """Act on each request message before the handler sees it; a `TikuError` ends the call."""

    def leave(self, call: Call, error: BaseException | None) -> None:
        """Act after the handler, with the error that ended the call; runs only if `enter` returned."""


class Watched(Stage):
    """Has the loop looked at closely while a call is served."""

    def __init__(self, lag: LoopLagMonitor) -> None:
        self._lag = lag

    def enter(self, call: Call) -> None:
        """Begin to look, before anything else happens."""
        self._lag.call_begins()

    def leave(self, call: Call, error: BaseException | None) -> None:
        """Look no closer than another call, or the loop's own work, demands."""
        self._lag.call_ends()


class RequestIds(Stage):
    """Takes the ids, the user and the deadline of a request from its metadata, and makes them the task's context."""

    def enter(self, call: Call) -> None:
        """Set the context; a request id and a trace id that the caller did not send are new.

        Raises:
            InvalidArgument: the user, the key or the organization is no name that a header can hold.
        """
        request_id = traceparent = key_name = organization = languages = ""
        user_id = context.DEVELOPMENT_USER
        for key, value in call.servicer_context.invocation_metadata() or ():
            if key == "x-request-id":
                request_id = str(value)
            elif key == "traceparent":
                traceparent = str(value)
            elif key == "x-tiku-user":
                user_id = str(value)
            elif key == "x-tiku-key":
                key_name = str(value)
            elif key == "x-tiku-organization":
                organization = str(value)
            elif key == "accept-language":
                languages = context.languages_of(str(value))
        for name, value in (
            ("x-tiku-user", user_id),
            ("x-tiku-key", key_name or context.DEVELOPMENT_USER),
            ("x-tiku-organization", organization or context.DEVELOPMENT_USER),
        ):
            if not context.is_user(value):
                raise errors.InvalidArgument(
                    f"{name} {context.USER_RULE}.",
                    reason="INVALID_USER",
                    violations=[errors.FieldViolation(name, context.USER_RULE)],
                )
        call.traceparent = traceparent
        call.time_left = left = call.servicer_context.time_remaining()
        context.enter(
            context.RequestContext(
                request_id or context.new_request_id(),
                (traceparent and context.trace_id_of(traceparent)) or context.new_trace_id(),
                user_id,
                None if left is None else asyncio.get_running_loop().time() + left,
                key_name,
                organization,
                languages,
            )
        )


class Observation(Stage):
    """Counts and times every call, and logs those that failed or were slow, or all of them."""

    def __init__(self, calls: RpcMetrics, *, log_all: bool) -> None:
        self._calls = calls
        self._log_all = log_all

    def enter(self, call: Call) -> None:
        """Count the start."""
        call.started = time.perf_counter()
        self._calls.started()

    def leave(self, call: Call, error: BaseException | None) -> None:
        """Count the end, and log it if it is worth a line."""
        seconds = time.perf_counter() - call.started
        status = "OK" if error is None else _status_name(error)
        self._calls.ended(call.method, status, seconds)
        if self._log_all or seconds > _SLOW_SECONDS or status in ("INTERNAL", "UNKNOWN", "DATA_LOSS"):
            logger.info(
                "%s %s",
                call.method,
                status,
                extra={"method": call.method, "status": status, "seconds": round(seconds, 4)},
            )


class Tracing(Stage):
    """Records every call as a span below the caller's, which is the current one while the call is served."""

    def enter(self, call: Call) -> None:
        """Begin the span; where the caller named no trace, the request gets that of the span."""
        service, _, method = call.method[1:].rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        call.span = tracing.span(call.method[1:], "SERVER", attributes, call.traceparent)
        call.span.__enter__()
        if not call.traceparent:
            context.enter(replace(context.current(), trace_id=call.span.traceparent[3:35]))

    def leave(self, call: Call, error: BaseException | None) -> None:
        """End the span; what the caller did wrong is no error of this service."""
        status = "OK" if error is None else _status_name(error)
        assert call.span is not None
        call.span.set("rpc.grpc.status_code", grpc.StatusCode[status].value[0])
        refused = isinstance(error, errors.TikuError) and status not in _SERVER_FAULTS
        call.span.__exit__(None, None if refused else error, None)


class Admission(Stage):
    """Refuses a call when the server is full, so that no queue grows."""

    def __init__(self, calls: RpcMetrics, max_in_flight: int) -> None:
        self._calls = calls
        self._max_in_flight = max_in_flight
        self._in_flight = 0

    def enter(self, call: Call) -> None:
        """Admit the call, or raise ResourceExhausted when `max_in_flight` calls are being served."""
        if self._in_flight >= self._max_in_flight:
            self._calls.refused()
            raise errors.ResourceExhausted(
                f"The server is serving {self._max_in_flight} calls already; try again in a second.",
                reason="SERVER_FULL",
                retry_after=1.0,
            )
        self._in_flight += 1

    def leave(self, call: Call, error: BaseException | None) -> None:
        """Make room for another call."""
        self._in_flight -= 1


class Deadlines(Stage):
    """Refuses a call whose caller has stopped waiting already."""

    def enter(self, call: Call) -> None:
        """Raise DeadlineExceeded if no time is left."""
        if call.time_left is not None and call.time_left <= 0:
            raise errors.DeadlineExceeded("The time allowed for this request was spent before it began.")


class Canonicalization(Stage):
    """Writes the UUIDs of every request message as they are stored, before the rules that compare them."""

    def __init__(self) -> None:
        self._ids = CanonicalIds()

    def prepare(self, empty: Message) -> None:
        """Find out which fields hold UUIDs."""
        self._ids.canonicalize(empty)

    def request(self, call: Call, message: Message) -> None:
        """Write UUIDs in small letters."""
        self._ids.canonicalize(message)


class Validation(Stage):
    """Checks every request message by the field rules in its proto (protovalidate)."""

    def __init__(self) -> None:
        self._validator = protovalidate.Validator()

    def prepare(self, empty: Message) -> None:
        """Compile the rules of a kind, which takes ten milliseconds."""
        self._validator.collect_violations(empty)

    def request(self, call: Call, message: Message) -> None:
        """Raise InvalidArgument if the message breaks rules; it names every one."""
        if violations := self._validator.collect_violations(message):
            fields = [errors.FieldViolation(_path(v.proto), v.proto.message) for v in violations]
            first = fields[0]
            raise errors.InvalidArgument(
                f"{first.field or 'request'} {first.description}.", reason="INVALID_FIELD", violations=fields
            )


def _path(violation: Any) -> str:
    """Return the field of a violation as a client writes it: `messages[0].role`."""
    path = ""
    if violation.field is None:
        return path
    for element in violation.field.elements:
        path += ("." if path else "") + element.field_name
        subscript = element.subscript
        if subscript is not None:
            path += f"[{subscript.value!r}]" if isinstance(subscript.value, str) else f"[{subscript.value}]"
    return path


def _status_name(error: BaseException) -> str:
    if isinstance(error, errors.TikuError):
        return error.status
    return "CANCELLED" if isinstance(error, asyncio.CancelledError | GeneratorExit) else "INTERNAL"


def default_stages(calls: RpcMetrics, lag: LoopLagMonitor, *, max_in_flight: int, log_all: bool) -> list[Stage]:
    """Build the stages of every Tiku server, outermost first; `calls` counts what they see."""
    return [
        Watched(lag),
        RequestIds(),
        *([Tracing()] if tracing.on() else []),
        Observation(calls, log_all=log_all),
        Admission(calls, max_in_flight),
        Deadlines(),
        Canonicalization(),
        Validation(),
    ]


def _has(stage: Stage, hook: str) -> bool:
    """Return whether a stage does anything at a hook."""
    return getattr(type(stage), hook) is not getattr(Stage, hook)


Behavior = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Any]
Read = Callable[[bytes], Message]


class StagedHandlers(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # Generic in the stubs only.
    """The handlers of servicers, each with the stages around it.

    Generated code adds servicers to it as to a server. grpc.aio's own interceptors would cost every call two coroutines
    more.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        around = [s for s in stages if _has(s, "enter") or _has(s, "leave")]
        self._enters = tuple(stage.enter for stage in around)
        # For each number of stages that a call entered: the hooks to leave them, innermost first.
        self._leaves = tuple(
            tuple(stage.leave for stage in reversed(around[:entered]) if _has(stage, "leave"))
            for entered in range(len(around) + 1)
        )
        self._checks = tuple(stage.request for stage in stages if _has(stage, "request"))
        self._prepares = tuple(stage.prepare for stage in stages)
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the wrapped handler of a method; None when no servicer has it."""
        return self._handlers.get(handler_call_details.method)

    def handler(self, method: str) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the wrapped handler of a method by its path (`/tiku.llm.v1.LlmService/Chat`)."""
        return self._handlers.get(method)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Take the handlers of a servicer by name; generated code calls it."""
        for name, handler in method_handlers.items():
            method = f"/{service_name}/{name}"
            self._handlers[method] = self._wrap(method, handler)

    def add_generic_rpc_handlers(self, _: Sequence[Any]) -> None:
        """Ignore the same handlers behind a lookup of their own, which generated code adds as well."""

    def _wrap(self, method: str, handler: Any) -> Any:
        kind = "_".join(
            "stream" if streams else "unary" for streams in (handler.request_streaming, handler.response_streaming)
        )
        inner = getattr(handler, kind)
        if handler.response_streaming and not inspect.iscoroutinefunction(inner):
            inner = _writing(inner)
        read = _reading(method, handler.request_deserializer)
        empty = handler.request_deserializer(b"")
        for prepare in self._prepares:
            prepare(empty)
        behavior = self._with_stages(method, inner, read, requests=handler.request_streaming)
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        # Without a deserializer the behavior gets bytes: it parses them itself, within the stages.
        return make(behavior, None, handler.response_serializer)

    def _with_stages(self, method: str, inner: Behavior, read: Read, *, requests: bool) -> Behavior:
        """Wrap a coroutine function of any kind of RPC; `requests` says whether its requests are a stream."""

        async def behavior(request: Any, servicer_context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            call = Call(method, servicer_context)
            entered = 0
            error: BaseException | None = None
            try:
                for enter in self._enters:
                    enter(call)
                    entered += 1
                return await inner(self._checked(call, request, read, requests), servicer_context)
            except Exception as raised:
                error = _named(raised, call)
            except BaseException as raised:
                error = raised
                if not _of_its_own(raised):
                    raise
                # grpc.aio would tell the caller nothing, who would wait until the deadline.
                error = RuntimeError("what the handler waited for was canceled, and not the call")
                error.__cause__ = raised
            finally:
                for leave in self._leaves[entered]:
                    leave(call, error)
            return await _abort(servicer_context, error)

        return behavior

    def _checked(self, call: Call, request: Any, read: Read, streaming: bool) -> Any:
        if streaming:
            return self._checked_stream(call, request, read)
        message = read(request)
        for check in self._checks:
            check(call, message)
        return message

    async def _checked_stream(self, call: Call, requests: AsyncIterator[bytes], read: Read) -> AsyncIterator[Message]:
        async for request in requests:
            message = read(request)
            for check in self._checks:
                check(call, message)
            yield message
        # grpc.aio ends the requests of a client that left like those of one that is done, and cancels the handler a few
        # turns of the loop later. This wait lets the cancellation come before a handler takes a part for the whole.
        await asyncio.sleep(_CANCELLATION_SECONDS)


def _reading(method: str, parse: Read) -> Read:
    """Return `parse` with an error of ours for bytes that are no message.

    grpc.aio would answer UNKNOWN with the name of a Python class, and log a traceback.
    """

    def read(raw: bytes) -> Message:
        try:
            return parse(raw)
        except DecodeError:
            raise errors.InvalidArgument(
                f"The bytes sent are no request of {method.removeprefix('/')}: they are cut short or malformed, nested "
                "deeper than 100 levels, or hold text that is not UTF-8.",
                reason="MALFORMED_MESSAGE",
            ) from None

    return read


def _writing(generate: Behavior) -> Behavior:
    """Turn a handler that yields its responses into a coroutine function that writes them.

    grpc.aio takes both. Only a coroutine closes the handler's own generators at once and in this task when the client
    leaves; those of a generator are closed whenever it is collected.
    """

    async def write(request: Any, servicer_context: grpc.aio.ServicerContext[Any, Any]) -> None:
        async with contextlib.aclosing(generate(request, servicer_context)) as responses:
            async for response in responses:
                await servicer_context.write(response)

    return write


def _of_its_own(error: BaseException) -> bool:
    """Return whether a cancellation came from within a handler, whose task nobody canceled."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and not task.cancelling()


def _named(error: Exception, call: Call) -> Exception:
    """Return the error of a method that no servicer defines as one of ours, any other as it is."""
    # The generated base of a servicer sets this code in such a method, then raises.
    if isinstance(error, NotImplementedError) and call.servicer_context.code() == grpc.StatusCode.UNIMPLEMENTED:
        return errors.Unimplemented(
            f"This version does not serve {call.method[1:]}; the README's status table says what is to come."
        )
    return error


async def _abort(servicer_context: grpc.aio.ServicerContext[Any, Any], error: BaseException) -> Any:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    assert isinstance(error, Exception)
    code, message, trailers = rpc_errors.to_status(error)
    await servicer_context.abort(code, message, trailers)
