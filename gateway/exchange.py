"""One HTTP request and its response over plain ASGI: no framework stands on the hot path."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.bounds import client_of
from gateway.intake import Intake, Sending
from gateway.problems import ProblemError, invalid
from services.kit import context
from services.kit.errors import FieldViolation
from services.kit.ids import new_id

Headers = Sequence[tuple[bytes, bytes]]

CONNECTION = "tiku.connection"
"""Where a request's scope holds its `Connection`."""

JSON = b"application/json"
PROBLEM_JSON = b"application/problem+json"

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_TIMEOUT = re.compile(rb"[0-9]{1,7}(\.[0-9]{1,6})?|\.[0-9]{1,6}")
_MIN_TIMEOUT_SECONDS = 0.001
MAX_TIMEOUT_SECONDS = 3600.0


class ClientGoneError(Exception):
    """The client closed the connection; there is nobody to answer."""


class Cancellable(Protocol):
    """An RPC in flight."""

    def cancel(self) -> bool:
        """Stop it; return whether it was still running."""
        ...


class UnaryCall(Cancellable, Protocol):
    """An RPC in flight whose one response is awaited."""

    def __await__(self) -> Any: ...


class Connection(Protocol):
    """What a request came on."""

    @property
    def body_has_come(self) -> bool:
        """Whether the whole body is there."""
        ...

    def watch(self, lost: Callable[[], None] | None) -> None:
        """Have `lost` called when the connection ends, or at once if it has; None to have nothing called."""
        ...


class Exchange:
    """A request being answered."""

    __slots__ = (
        "_connection",
        "_deadline",
        "_intake",
        "_receive",
        "_send",
        "_sending",
        "began",
        "client",
        "gone",
        "headers",
        "key",
        "method",
        "organization",
        "path",
        "query",
        "request_id",
        "scope",
        "started",
        "status",
        "traceparent",
        "user",
    )

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, intake: Intake, *, trust_user_header: bool = False
    ) -> None:
        self.scope = scope
        self.client = client_of(scope["client"])
        self._intake = intake
        self._sending: Sending | None = None
        self._connection: Connection = scope[CONNECTION]
        self.began = asyncio.get_running_loop().time()
        self._deadline = math.inf
        self._receive = receive
        self._send = send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.gone = False
        self.started = False
        self.status = 0
        given = self.headers.get(b"x-request-id", b"")
        self.request_id = given.decode() if _REQUEST_ID.fullmatch(given) else new_id()
        self.traceparent = self._continued_trace()
        trusted = self.headers if trust_user_header else {}
        self.user = trusted.get(b"x-tiku-user", context.DEVELOPMENT_USER.encode()).decode("latin-1")
        self.key = trusted.get(b"x-tiku-key", b"").decode("latin-1")
        self.organization = trusted.get(b"x-tiku-organization", b"").decode("latin-1")

    def _continued_trace(self) -> str:
        """Return the header of the caller's trace under a span of our own, or of a new trace (W3C Trace Context)."""
        found = _TRACEPARENT.fullmatch(self.headers.get(b"traceparent", b""))
        if found is None or found[1] == b"0" * 32 or found[2] == b"0" * 16:
            return context.traceparent(context.new_trace_id())
        return f"00-{found[1].decode()}-{secrets.token_hex(8)}-01"

    def check_caller(self) -> None:
        """Check the names of the user, the key and the organization; the latter two need not be there.

        Raises:
            ProblemError: 400, a header holds no name. Nobody else's name stands in for it.
        """
        if not context.is_user(self.user):
            raise invalid("The user is not understood.", FieldViolation("X-Tiku-User", context.USER_RULE))
        for header, name in (("X-Tiku-Key", self.key), ("X-Tiku-Organization", self.organization)):
            if name and not context.is_user(name):
                raise invalid("The caller is not understood.", FieldViolation(header, context.USER_RULE))

    def set_deadline(self, default: float) -> None:
        """Give the request the seconds that the client names in X-Request-Timeout, or `default`, from its start.

        Raises:
            ProblemError: 400, the header is not a number from 0.001 to 3600.
        """
        self._deadline = self.began + (self.named_timeout() or default)

    def named_timeout(self) -> float | None:
        """Return the seconds that the client names in X-Request-Timeout; None when it names none.

        Raises:
            ProblemError: 400, the header is not a number from 0.001 to 3600.
        """
        given = self.headers.get(b"x-request-timeout")
        if given is None:
            return None
        seconds = float(given) if _TIMEOUT.fullmatch(given) else 0.0
        if not _MIN_TIMEOUT_SECONDS <= seconds <= MAX_TIMEOUT_SECONDS:
            raise invalid(
                "The timeout is not understood.",
                FieldViolation("X-Request-Timeout", "must be a number of seconds from 0.001 to 3600"),
            )
        return seconds

    def time_left(self) -> float:
        """Return the seconds until the deadline, as the timeout of a call; never below a millisecond."""
        return max(_MIN_TIMEOUT_SECONDS, self._deadline - asyncio.get_running_loop().time())

    @property
    def content_type(self) -> str:
        """The media type of the body in lower case, without parameters."""
        return self.headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()

    def content_length(self) -> int | None:
        """Return the number of bytes that the client announces; None when it announces none."""
        given = self.headers.get(b"content-length", b"")
        return int(given) if given.isdigit() else None

    async def read_body(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            ProblemError: 413, it is larger than `limit` bytes; 408, 429 or 503 as in `next_body`.
            ClientGoneError: the client left before its end.
        """
        announced = self.content_length()
        if announced is not None and announced > limit:
            raise _too_large(limit)
        body, more = await self.next_body()
        if not more:
            if len(body) > limit:
                raise _too_large(limit)
            return body
        collected = bytearray()
        while True:
            collected += body
            if len(collected) > limit:
                raise _too_large(limit)
            if not more:
                return bytes(collected)
            self.keep(len(body))
            body, more = await self.next_body()

    async def next_body(self) -> tuple[bytes, bool]:
        """Return the next bytes of the body, and whether more follow.

        Raises:
            ProblemError: 408, the body is too slow or the time is spent; 429 or 503, too many bodies are coming.
            ClientGoneError: the client left.
        """
        if self._connection.body_has_come:
            event = await self._receive()
        else:
            if self._sending is None:
                self._sending = Sending(self._intake, self.client)
            event = await self._sending.receive(self._receive, self._deadline)
        if event["type"] == "http.disconnect":
            self.gone = True
            raise ClientGoneError
        more = event.get("more_body", False)
        if not more:
            self.stop_sending()
        return event.get("body", b""), more

    def keep(self, size: int) -> None:
        """Count bytes of a body that are kept until more of it comes.

        Raises:
            ProblemError: 429 or 503, too many bytes wait already.
        """
        if self._sending is not None:
            self._sending.keep(size)

    @contextlib.contextmanager
    def uploading(self) -> Iterator[None]:
        """Hold a place at a service for as long as the block sends it a file.

        Raises:
            ProblemError: 429 or 503, too many files are being sent on.
        """
        uploads = self._intake.uploads
        uploads.hold(self.client)
        try:
            if problem := uploads.refusal(self.client):
                raise problem
            yield
        finally:
            uploads.release(self.client)

    def stop_sending(self) -> None:
        """Expect no more of the body."""
        if self._sending is not None:
            self._sending.finish()
            self._sending = None

    @contextlib.contextmanager
    def canceling(self, call: Cancellable) -> Iterator[None]:
        """Cancel a call when the client leaves while the block runs; use it only after the body was read.

        Raises:
            ClientGoneError: it left.
        """

        def lost() -> None:
            self.gone = True
            call.cancel()

        self._connection.watch(lost)
        try:
            yield
        except asyncio.CancelledError:
            if self.gone and not cancelling():
                raise ClientGoneError from None
            raise
        finally:
            self._connection.watch(None)

    async def result_of(self, call: UnaryCall) -> Any:
        """Return the response of a unary RPC, which is canceled when the client leaves.

        Raises:
            ClientGoneError: it left.
        """
        with self.canceling(call):
            return await call

    async def start(self, status: int, headers: Headers) -> None:
        """Send the status line, the headers and the request's ids."""
        self.started = True
        self.status = status
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    *headers,
                    (b"x-request-id", self.request_id.encode()),
                    (b"traceparent", self.traceparent.encode()),
                ],
            }
        )

    async def write(self, body: bytes, *, more: bool = True) -> None:
        """Send bytes of the body; wait while the client is slower than we are."""
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def respond(self, status: int, body: bytes, *, content_type: bytes = JSON, headers: Headers = ()) -> None:
        """Send a whole response."""
        await self.start(status, [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *headers])
        await self.write(body, more=False)

    async def respond_with(self, response: ASGIApp) -> None:
        """Send a response of starlette's with the request's ids."""

        async def send(event: Message) -> None:
            if event["type"] == "http.response.start":
                await self.start(event["status"], event["headers"])
            else:
                await self._send(event)

        await response(self.scope, self._receive, send)

    async def respond_problem(self, problem: ProblemError) -> None:
        """Send a failure as problem details."""
        await self.respond(
            problem.status,
            orjson.dumps(problem.body(self.request_id)),
            content_type=PROBLEM_JSON,
            headers=problem.response_headers(),
        )


Handler = Callable[[Exchange, Mapping[str, str]], Awaitable[None]]
"""Answers one exchange, given the variables in its path."""


def cancelling() -> bool:
    """Return whether the running task itself was asked to stop."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _too_large(limit: int) -> ProblemError:
    return ProblemError(
        413, "BODY_TOO_LARGE", f"The body is larger than {limit} bytes.", metadata={"limit_bytes": str(limit)}
    )
