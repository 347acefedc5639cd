"""uvicorn's HTTP/1.1 protocol with limits: of heads, of what frames a body, of time, and of connections.

httptools, the parser below, takes heads of any size and puts a header together from its pieces at quadratic cost, and
uvicorn waits for ever for the end of a head and for a client that does not read. What happens for every request here is
counting; time is looked after by one task that looks at every connection about once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import resource
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, cast

import httptools
import orjson
from uvicorn.middleware.proxy_headers import _TrustedHosts
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.bounds import Bound, client_of
from gateway.exchange import CONNECTION, PROBLEM_JSON
from gateway.problems import ProblemError, stopping
from gateway.settings import GatewaySettings
from services.kit.ids import new_id
from services.kit.turns import Turns

_SLICE_BYTES = 4 * 1024
"""Most bytes that are parsed at once where a head may stand among them, and so the precision of the limits."""

_CHUNK_FRAME_BYTES = 16
"""Bytes of a chunk beside its data that do not count against the limit: its size in hexadecimal and two line ends."""

_MAX_PIPELINED = 16
_IGNORED_BYTES = 1024 * 1024
"""How much more is taken on a connection that is to end after what it still serves."""
_LINGER_SECONDS, _LONGEST_LINGER_SECONDS = 2.0, 30.0
_LINGER_BYTES, _LINGER_BYTES_PER_SECOND = 1024 * 1024 * 1024, 64 * 1024
"""How long, how much and how fast a client whose answer is complete may go on sending. Many clients read an answer only
once all is sent, and one whose connection ends before that does not learn why it was refused. nginx lingers like this
(`lingering_time`); here such a connection also makes room for others."""

_MAX_SWEEP_SECONDS = 1.0
_SWEEP_PAUSE = 256
"""Connections that are looked at before others get their turn of the loop."""

_SCAN_CONNECTIONS = 1024
_RESERVED_FILES = 128
"""Files that are left for everything that is no connection of a client."""


logger = logging.getLogger(__name__)


class _RefusedError(Exception):
    """The parser is to stop; the protocol knows why."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, *arguments: Any, guard: Guard, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._guard = guard
        self._max_head_bytes = guard.max_head_bytes
        self._unframed = 0
        """Bytes that came since the last head or message ended, and are no data of a body."""
        self._in_body = False
        self._body_bytes = 0
        self._heads = 0
        self._received = 0
        self._fault: ProblemError | None = None
        self._deaf = False
        """Whether what comes is thrown away."""
        self._ended_at: float | None = None
        """Since when nothing more is sent."""
        self._thrown_away = 0
        """Bytes that came after the answer was complete."""
        self._watched = _Watched(self.loop.time())
        self._when_lost: Callable[[], None] | None = None
        self._responding: _Responding | None = None

    @property
    def body_has_come(self) -> bool:
        """Whether no body is awaited now."""
        return not self._in_body

    def watch(self, lost: Callable[[], None] | None) -> None:
        """Have `lost` called when the connection ends, or at once if it has; None to have nothing called."""
        self._when_lost = lost
        if lost is not None and self.lost:
            lost()
        elif lost is not None:
            self.flow.resume_reading()  # An end is read like anything else.

    @property
    def lost(self) -> bool:
        """Whether the connection has ended."""
        return self.parser is None

    @property
    def waits(self) -> bool:
        """Whether no request is being served, or read to be served."""
        return self._ended_at is not None or self.cycle is None or bool(self.cycle.response_complete)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a client in, or refuse it when too many are connected."""
        super().connection_made(transport)
        self._responding = _Responding(transport, self.end)
        if problem := self._guard.admit(self):
            self.refuse(problem)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client, and its last request: they would hold each other until the collector finds them."""
        super().connection_lost(exc)
        self._guard.forget(self)
        if self._when_lost is not None:
            self._when_lost()
        # What still answers has all that it needs. These are None before the first request as well.
        self.cycle = self.scope = None  # type: ignore[assignment]
        self._responding = None
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Parse what came, in slices."""
        if len(data) <= _SLICE_BYTES and not self._deaf:
            self._feed(data)
            return
        left = memoryview(data)
        while left:
            if self._deaf:
                self._discard(len(left))
                return
            size = max(_SLICE_BYTES, self._announced_left())
            self._feed(left[:size])
            left = left[size:]

    def _feed(self, data: bytes | memoryview) -> None:
        self._received += len(data)
        self._unframed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # No upgrade is served; the request was answered as HTTP/1.1 (RFC 9110, section 7.8).
        except httptools.HttpParserError:
            self.refuse(self._fault or ProblemError(400, "MALFORMED_HTTP", "What was sent is not HTTP/1.1 (RFC 9112)."))
        else:
            if self._unframed > self._max_head_bytes:
                self.refuse(self._too_large())
            elif len(self.pipeline) > _MAX_PIPELINED:
                self._stop_listening()

    def _announced_left(self) -> int:
        """Return how many bytes of the body are still to come, where its head said so; they frame nothing."""
        if not self._in_body:
            return 0
        announced = next((value for name, value in self.scope["headers"] if name == b"content-length"), b"0")
        return int(announced) - self._body_bytes

    def on_headers_complete(self) -> None:
        """Start the request, unless its head breaks a rule."""
        if self._unframed > self._max_head_bytes - 2 * _SLICE_BYTES and self._head_bytes() > self._max_head_bytes:
            self._fail(self._too_large())
        if not self.url.startswith(b"/"):
            self._check_absolute_target()
        if self.parser.should_upgrade():
            self._check_upgrade()
        self._unframed = self._body_bytes = 0
        self._heads += 1
        self.scope[CONNECTION] = self  # type: ignore[literal-required]
        super().on_headers_complete()
        self.cycle.transport = cast(asyncio.Transport, self._responding)
        self._in_body = True
        # The fields of a trailer would join those of the head, which the request may have been judged by.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Pass data of a body on."""
        size = len(body)
        self._unframed -= size
        self._body_bytes += size
        super().on_body(body)
        if self.cycle.response_complete:
            self._throw_away(size)

    def on_chunk_header(self) -> None:
        """Allow for the frame of one chunk."""
        self._unframed = max(0, self._unframed - _CHUNK_FRAME_BYTES)

    def on_message_complete(self) -> None:
        """End the request's body."""
        self._unframed = 0
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request. No timer is set here for an idle connection: `sweep` ends it."""
        self.server_state.total_requests += 1
        if self._ended_at is not None or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._guard.turns.soon(partial(super()._start_asgi_task, cycle, app))

    def refuse(self, problem: ProblemError) -> None:
        """Answer with a problem, where nothing else is being answered, and end the connection."""
        self._deaf = True
        cycle = self.cycle
        if not self._in_body:
            if cycle is None or cycle.response_complete:
                self._say(problem)
            else:
                cycle.keep_alive = False  # The fault is in what follows it, so the connection ends after its answer.
        elif cycle.response_started or self.pipeline:
            self.transport.abort()
        else:
            cycle.disconnected = True
            cycle.message_event.set()
            self._say(problem)

    def end(self) -> None:
        """Close the connection; a client that is still sending is listened to a little longer, so that it reads why."""
        self._deaf = True
        self._ended_at = self.loop.time()
        self.flow.resume_reading()
        if self._in_body and self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        else:
            self.transport.close()

    def shutdown(self) -> None:
        """Begin to stop: an idle connection closes, and a client whose request is on its way is told why."""
        if self._state()[0] in ("connected", "head"):
            self.refuse(stopping())
        else:
            super().shutdown()

    def sweep(self, now: float) -> None:
        """Refuse or cut off a client that takes too long; `now` is an instant on the loop's clock."""
        if self._reads_nothing(now):
            self.transport.abort()
        elif not self.transport.is_closing():
            self._sweep_sender(now)

    def _reads_nothing(self, now: float) -> bool:
        """Return whether the client has left a response unread for too long."""
        watched = self._watched
        queued = self.transport.get_write_buffer_size()
        if not queued or queued < watched.queued:
            watched.reading_since = now
        watched.queued = queued
        return now - watched.reading_since > self._guard.send_stall_seconds

    def _sweep_sender(self, now: float) -> None:
        """Refuse or cut off a client that sends too slowly."""
        guard, watched = self._guard, self._watched
        state = self._state()
        if state != watched.state:
            watched.state = state
            watched.since = now
            watched.received = self._received
        silent = now - watched.since
        match state[0]:
            case "refused" if silent > _LINGER_SECONDS:
                lingered = now - (self._ended_at or now)
                sent = self._received - watched.received
                if lingered > _LONGEST_LINGER_SECONDS or sent < _LINGER_BYTES_PER_SECOND * silent:
                    self.transport.abort()
                watched.since, watched.received = now, self._received
            case "connected" if silent > guard.head_timeout_seconds:
                self.transport.close()
            case "idle" if silent > guard.keep_alive_seconds:
                self.transport.close()
            case "head" if silent > guard.head_timeout_seconds:
                self.refuse(
                    ProblemError(
                        408,
                        "HEAD_TOO_SLOW",
                        f"The head of the request did not come within {guard.head_timeout_seconds:g} seconds.",
                    )
                )
            case "rest" if silent > guard.body_stall_seconds:
                if self._received - watched.received < guard.min_body_bytes_per_second * silent:
                    self.transport.abort()
                watched.since, watched.received = now, self._received

    def _state(self) -> tuple[str, int]:
        """Return what is awaited from the client, with the number of heads that came before."""
        if self._ended_at is not None:
            return "refused", self._heads
        if self.cycle is not None and not self.cycle.response_complete:
            return "busy", self._heads
        if self._in_body:
            return "rest", self._heads
        if self._unframed > 0:
            return "head", self._heads
        return "idle" if self._heads else "connected", self._heads

    def _fail(self, problem: ProblemError) -> None:
        self._fault = problem
        raise _RefusedError

    def _too_large(self) -> ProblemError:
        if self._in_body:
            return ProblemError(
                400, "MALFORMED_BODY", "What frames the chunks of the body is larger than all that is allowed."
            )
        return ProblemError(
            431,
            "HEAD_TOO_LARGE",
            f"The request line and the headers are larger than {self._max_head_bytes} bytes.",
            metadata={"limit_bytes": str(self._max_head_bytes)},
        )

    def _head_bytes(self) -> int:
        """Return the bytes of a head that is complete, but for the version and the method."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _check_absolute_target(self) -> None:
        """Refuse a target in absolute form that names another host than the header does (RFC 9112, section 3.2.2)."""
        authority = self.url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
        if authority and not all(value.lower() == authority.lower() for name, value in self.headers if name == b"host"):
            self._fail(
                ProblemError(400, "MALFORMED_HOST", "The request line and the header Host name different hosts.")
            )

    def _check_upgrade(self) -> None:
        """Refuse an upgrade that a client would not notice was ignored."""
        fields = dict(self.headers)
        if fields.get(b"upgrade", b"").lower() == b"websocket":
            self._fail(
                ProblemError(403, "NO_WEBSOCKET", "No WebSocket is served here; streams are server-sent events.")
            )
        if b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0":
            # The parser takes what follows the head of an upgrade for another protocol's, so the body would be lost.
            self._fail(
                ProblemError(400, "NO_UPGRADE", "A request with a body may not ask for an upgrade of the protocol.")
            )

    def _say(self, problem: ProblemError) -> None:
        self._ended_at = self.loop.time()
        self.transport.write(_response(problem))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _stop_listening(self) -> None:
        """End the connection after the requests that came."""
        self._deaf = True
        self.cycle.keep_alive = False

    def _discard(self, size: int) -> None:
        self._received += size
        self._unframed += size
        if self._ended_at is not None:
            self._throw_away(size)
        elif self._unframed > self._max_head_bytes + _IGNORED_BYTES:
            self.transport.abort()

    def _throw_away(self, size: int) -> None:
        self._thrown_away += size
        if self._thrown_away > _LINGER_BYTES:
            self.transport.abort()


class _Responding:
    """The part of a transport that a response uses, with an end of its own."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class _Watched:
    """What the last look at a connection saw."""

    __slots__ = ("queued", "reading_since", "received", "since", "state")

    def __init__(self, now: float) -> None:
        self.state = ("", 0)
        self.since = now
        self.received = 0
        self.queued = 0
        self.reading_since = now


class Guard:
    """The connections of a server: how many, and that none of them takes for ever."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.max_head_bytes = settings.max_head_bytes
        self.head_timeout_seconds = settings.head_timeout_seconds
        self.keep_alive_seconds = settings.keep_alive_seconds
        self.body_stall_seconds = settings.body_stall_seconds
        self.min_body_bytes_per_second = settings.min_body_bytes_per_second
        self.send_stall_seconds = settings.send_stall_seconds
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        limit = settings.max_connections
        if files != resource.RLIM_INFINITY:
            limit = max(1, min(limit, files - _RESERVED_FILES))
        self._bound = Bound("connections are open", limit, settings.max_client_share)
        self._clients: dict[str, dict[GuardedProtocol, None]] = {}
        self.turns = Turns()
        """In which requests begin."""
        self._proxies = _TrustedHosts(list(settings.trusted_proxies))

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look after the time that clients take, for as long as the block runs."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()

    def admit(self, connection: GuardedProtocol) -> ProblemError | None:
        """Count a connection; return why it is refused, None if it is not.

        At a limit, the oldest connection on which nothing happens makes room: one of the same client where that holds
        its share, else one of the client that holds most.
        """
        client = client_of(connection.client)
        self._bound.hold(client)
        self._clients.setdefault(client, {})[connection] = None
        problem = self._refusal(connection, client)
        if problem is None:
            return None
        crowd = client if problem.status == 429 else self._bound.largest()
        for other in itertools.islice(self._clients[crowd], _SCAN_CONNECTIONS):
            if other.waits and other is not connection:
                other.transport.abort()
                self.forget(other)
                return None
        return problem

    def forget(self, connection: GuardedProtocol) -> None:
        """Stop counting a connection."""
        client = client_of(connection.client)
        connections = self._clients.get(client, {})
        if connection not in connections:
            return
        del connections[connection]
        self._bound.release(client)
        if not connections:
            del self._clients[client]

    def _refusal(self, connection: GuardedProtocol, client: str) -> ProblemError | None:
        problem = self._bound.refusal(client)
        # What a trusted proxy holds is held by all its clients.
        shared = connection.client is not None and connection.client[0] in self._proxies
        return None if problem is not None and problem.status == 429 and shared else problem

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        interval = min(
            _MAX_SWEEP_SECONDS,
            self.head_timeout_seconds / 4,
            self.keep_alive_seconds / 4,
            self.body_stall_seconds / 4,
            self.send_stall_seconds / 4,
        )
        while True:
            await asyncio.sleep(interval)
            everyone = [connection for connections in self._clients.values() for connection in connections]
            for index, connection in enumerate(everyone):
                if index % _SWEEP_PAUSE == 0:
                    await asyncio.sleep(0)
                if connection.lost:
                    continue
                try:
                    connection.sweep(clock())
                except Exception:
                    # Nobody else would look after the others.
                    logger.exception("a connection could not be looked after")


def _response(problem: ProblemError) -> bytes:
    """Return a whole response that ends its connection."""
    request_id = new_id()
    body = orjson.dumps(problem.body(request_id))
    headers: Sequence[tuple[bytes, bytes]] = [
        (b"content-type", PROBLEM_JSON),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode()),
        *problem.response_headers(),
    ]
    return b"".join([STATUS_LINE[problem.status], *(b"%s: %s\r\n" % field for field in headers), b"\r\n", body])
