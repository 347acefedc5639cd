"""Composition root: from settings to one ASGI application, and the server that runs it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, cast

import grpc
import uvicorn
from starlette.types import Receive, Scope, Send

from gateway.contract import Operation, Shape, operations
from gateway.cors import refuse_foreign_page, with_cors
from gateway.docs_page import DocsPages
from gateway.downloads import DownloadHandler
from gateway.exchange import ClientGoneError, Exchange, Handler
from gateway.health import Health, StackState
from gateway.hosts import Hosts
from gateway.intake import Intake
from gateway.metrics import Metrics
from gateway.openai_api.api import add_routes as add_openai_routes
from gateway.openai_api.errors import respond_error as respond_openai_error
from gateway.problems import ProblemError, from_error, stopping, unexpected
from gateway.protocol import Guard, GuardedProtocol
from gateway.routes import RouteTable
from gateway.settings import GatewaySettings
from gateway.sse import EventsHandler
from gateway.static_files import PageFiles
from gateway.unary import UnaryHandler
from gateway.uploads import UploadHandler
from gateway.upstream import Upstream
from services.kit import context, heap, tracing
from services.kit.addresses import bound, host_and_port, with_port
from services.kit.errors import TikuError
from services.kit.failpoints import Failpoints, Points
from services.kit.in_process import Local
from services.kit.loop_lag import LoopLagMonitor
from services.kit.rpc_errors import from_rpc_error

_HANDLERS: Mapping[Shape, Callable[[Operation, Upstream, GatewaySettings], Handler]] = {
    Shape.UNARY: UnaryHandler,
    Shape.EVENTS: EventsHandler,
    Shape.UPLOAD: UploadHandler,
    Shape.DOWNLOAD: DownloadHandler,
}
_POINTS: Mapping[str, Mapping[str, Points]] = {
    "UploadDocument": {
        "next_body": Points("gateway.upload.body_received"),
        "respond": Points(before="gateway.upload.answered"),
    },
    "Answer": {"start": Points("gateway.answer.begun"), "write": Points("gateway.answer.event_sent")},
    "GenerateExercise": {"start": Points("gateway.generate.begun"), "write": Points("gateway.generate.event_sent")},
}
"""Failpoints around what a handler does to its exchange, by RPC."""
_NONE_LOCAL: Local = MappingProxyType({})
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """A handler and the name under which it is counted."""

    name: str
    handler: Handler
    template: str = ""
    """Its path, with variables in braces."""


class Gateway:
    """The ASGI application."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._routes: RouteTable[Route] = RouteTable()
        self._lag = LoopLagMonitor()
        self._intake = Intake(settings)
        self._hosts = Hosts(settings.allowed_hosts, host_and_port(settings.listen)[0])
        self._in_flight = 0
        self._metrics = Metrics(lambda: self._in_flight, self._lag)
        self.draining = False

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: GatewaySettings, local: Local = _NONE_LOCAL) -> AsyncIterator[Gateway]:
        """Open the channels and fill the table of routes. No service needs to be there yet.

        `local` are services that serve in this process. A domain without a target has no routes.
        """
        gateway = cls(settings)
        targets = settings.targets()
        found = [operation for operation in await asyncio.to_thread(operations) if operation.domain in targets]
        async with Upstream.open(
            targets, max_message_bytes=settings.max_message_bytes, retryable=_retryable(found), local=local
        ) as upstream:
            await gateway._add_routes(found, upstream)
            lag = asyncio.create_task(gateway._lag.run())
            try:
                yield gateway
            finally:
                lag.cancel()

    async def _add_routes(self, found: list[Operation], upstream: Upstream) -> None:
        for operation in found:
            handler = _HANDLERS[operation.shape](operation, upstream, self._settings)
            name = operation.method.name
            self._add(operation.verb, operation.template, name, self._pointed(name, handler))
        if "llm" in upstream.domains():
            add_openai_routes(self._add, upstream, self._settings)
        file = self._settings.stack_file
        stack = StackState(file) if file is not None else None
        health = Health(upstream, self._metrics, draining=lambda: self.draining, stack=stack)
        self._add("GET", "/healthz", "healthz", health.alive)
        self._add("GET", "/readyz", "readyz", health.ready)
        self._add("GET", "/metrics", "metrics", health.metrics)
        pages = await asyncio.to_thread(DocsPages.load, found)
        self._add("GET", "/openapi.json", "openapi", pages.openapi)
        self._add("GET", "/docs", "docs", pages.page)
        files = await asyncio.to_thread(PageFiles)
        self._add("GET", "/", "page", files.index)
        self._add("GET", "/static/{path=**}", "static", files.file)

    def _pointed(self, name: str, handler: Handler) -> Handler:
        """Return the handler of an RPC with its failpoints; the handler itself where there are none."""
        failpoints = Failpoints(self._settings.failpoints)
        points = _POINTS.get(name)
        if failpoints.folder is None or points is None:
            return handler

        async def pointed(exchange: Exchange, variables: Mapping[str, str]) -> None:
            await handler(failpoints.around(exchange, points), variables)

        return pointed

    def _add(self, verb: str, template: str, name: str, handler: Handler) -> None:
        self._routes.add(verb, template, Route(name, handler, template))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request as ASGI defines it; refuse a WebSocket."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003, "reason": "no WebSocket here"})
            return
        exchange = Exchange(scope, receive, send, self._intake, trust_user_header=self._settings.trust_user_header)
        if tracing.on() and exchange.path not in _PROBES:
            with _span_of(exchange) as span:
                # What the response and the next hop are told.
                exchange.traceparent = span.traceparent
                await self._serve(exchange, span)
        else:
            await self._serve(exchange)

    async def _serve(self, exchange: Exchange, span: tracing.Span | None = None) -> None:
        """Answer a request, and count it."""
        self._in_flight += 1
        self._lag.call_begins()
        self._intake.requests.hold(exchange.client)
        token = context.enter(
            context.RequestContext(
                exchange.request_id,
                exchange.traceparent[3:35],
                exchange.user,
                key=exchange.key,
                organization=exchange.organization,
                accept_language=context.languages_of(exchange.headers.get(b"accept-language", b"").decode("latin-1")),
            )
        )
        name, route = "none", None
        try:
            route, variables = self._find(exchange)
            name = route.name
            await route.handler(exchange, variables)
        except ClientGoneError:
            exchange.status = 499
        except asyncio.CancelledError:
            # The server cancels what has not ended in its time to drain, and would call that a fault of ours.
            if exchange.started or not self.draining:
                raise
            await self._fail(exchange, stopping())
        except Exception as error:
            await self._fail(exchange, error)
        finally:
            context.leave(token)
            exchange.stop_sending()
            self._intake.requests.release(exchange.client)
            self._in_flight -= 1
            self._lag.call_ends()
            if span is not None:
                _name(span, exchange, route)
            self._metrics.record(name, exchange.status, asyncio.get_running_loop().time() - exchange.began)

    def _find(self, exchange: Exchange) -> tuple[Route, Mapping[str, str]]:
        """Return the route of a request and the variables in its path.

        Raises:
            ProblemError: 404, 405, 400 or 421 for a wrong host, 400 for a caller's name that is none, 403 for a page of
                another site, or 429 or 503 when too many requests are in flight.
        """
        self._hosts.check(exchange.headers, exchange.scope["headers"], exchange.scope["http_version"])
        match = self._routes.find(exchange.path)
        if match is None:
            raise ProblemError(404, "NO_SUCH_PATH", f"Nothing is served at {exchange.path}; /docs lists what is.")
        verb = exchange.method
        route = match.handlers.get(verb) or (match.handlers.get("GET") if verb == "HEAD" else None)
        if route is None:
            return _without_handler(verb, match.handlers), {}
        exchange.check_caller()
        refuse_foreign_page(exchange, self._settings.cors_origins, self._hosts)
        problem = self._intake.requests.refusal(exchange.client)
        if problem is not None and exchange.path not in _PROBES:
            raise problem
        return route, match.variables

    async def _fail(self, exchange: Exchange, error: Exception) -> None:
        """Answer with what went wrong; a response that has begun can only be cut off."""
        problem = _problem(error)
        if problem.status >= 500 and problem.status not in (501, 503, 504, 507):
            logger.error("request failed", exc_info=error, extra={"path": exchange.path})
        if exchange.started:
            raise error
        if exchange.path.startswith("/v1/"):
            await respond_openai_error(exchange, problem)
        else:
            await exchange.respond_problem(problem)


def _span_of(exchange: Exchange) -> tracing.Span:
    """Begin the span of a request, below that of its client."""
    attributes = {"http.request.method": exchange.method, "url.path": exchange.path, "url.scheme": "http"}
    parent = exchange.headers.get(b"traceparent", b"").decode("latin-1")
    return tracing.span(exchange.method, "SERVER", attributes, parent)


def _name(span: tracing.Span, exchange: Exchange, route: Route | None) -> None:
    """Say of a request that ended what it asked for and how it was answered."""
    if route is not None and route.template:
        span.rename(f"{exchange.method} {route.template}")
        span.set("http.route", route.template)
    span.set("http.response.status_code", exchange.status)
    if exchange.status >= 500:
        span.set("error.type", str(exchange.status))


def _without_handler(verb: str, handlers: Mapping[str, Route]) -> Route:
    """Return the answer to OPTIONS on a path that declares no handler for it.

    Raises:
        ProblemError: 405, it is another verb.
    """
    verbs = sorted({*handlers, "OPTIONS", *(["HEAD"] if "GET" in handlers else [])})
    allow = (b"allow", ", ".join(verbs).encode())
    if verb != "OPTIONS":
        raise ProblemError(
            405, "METHOD_NOT_ALLOWED", f"This path does not take {verb}; see the Allow header.", headers=[allow]
        )

    async def options(exchange: Exchange, variables: Mapping[str, str]) -> None:
        await exchange.start(204, [allow])
        await exchange.write(b"", more=False)

    return Route("options", options)


def _problem(error: Exception) -> ProblemError:
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, TikuError):
        return from_error(error)
    if isinstance(error, grpc.RpcError):
        return from_error(from_rpc_error(error))
    return unexpected()


def _retryable(found: list[Operation]) -> dict[str, list[str]]:
    """Name, by domain, the RPCs that only read; they are sent again when their service was not reached."""
    names: dict[str, list[str]] = {}
    for operation in found:
        if operation.verb == "GET" and operation.shape is Shape.UNARY:
            names.setdefault(operation.domain, []).append(operation.rpc.removeprefix("/"))
    return names


class _Server(uvicorn.Server):
    """uvicorn that says when it serves, without its own signal handlers, which raise the signal again at the end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def running(settings: GatewaySettings, local: Local = _NONE_LOCAL) -> AsyncIterator[RunningGateway]:
    """Serve until the block ends, then drain. `local` are services that serve in this process.

    Raises:
        services.kit.addresses.ListenError: the address is in use or not one of this machine.
    """
    host, port = host_and_port(settings.listen)
    listener = await asyncio.to_thread(bound, host, port)
    listener.setblocking(False)
    guard = Guard(settings)
    async with Gateway.open(settings, local) as gateway, guard.watching():
        server = _Server(
            uvicorn.Config(
                with_cors(gateway, settings.cors_origins),
                http=cast(Any, partial(GuardedProtocol, guard=guard)),
                ws="none",
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.serving.wait()
            yield RunningGateway(f"http://{with_port(host, listener.getsockname()[1])}", serving)
        finally:
            gateway.draining = True
            server.should_exit = True
            await serving


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A gateway that serves."""

    url: str
    serving: asyncio.Task[None]


async def serve(settings: GatewaySettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with running(settings) as gateway:
            logger.info("serving", extra={"url": gateway.url})
            heap.keep()
            waiting = asyncio.create_task(stop.wait())
            await asyncio.wait([waiting, gateway.serving], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            logger.info("draining")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
