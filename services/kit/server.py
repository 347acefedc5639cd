"""A grpc.aio server with health, reflection, stages around each call and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server
from prometheus_client.registry import Collector

from services.kit import addresses
from services.kit.interceptors import StagedHandlers, default_stages
from services.kit.loop_lag import LoopLagMonitor
from services.kit.rpc_metrics import RpcMetrics
from services.kit.settings import ServiceSettings

_READY_INTERVAL_SECONDS = 5.0
_NOT_READY_INTERVAL_SECONDS = 0.2
_READY_TIMEOUT_SECONDS = 4.0
_READ_AHEAD_BYTES = 1024 * 1024

logger = logging.getLogger(__name__)


class Registration(NamedTuple):
    """A servicer and how generated code adds it to a server."""

    add: Callable[[Any, Any], None]
    servicer: Any
    service_name: str
    """The full name, such as `tiku.llm.v1.LlmService`."""


@dataclass(frozen=True, slots=True)
class App:
    """What the composition root of a service built."""

    name: str
    registrations: Sequence[Registration]
    ready: Callable[[], Awaitable[None]] | None = None
    """Raises while something that the service needs does not answer; called every few seconds."""
    collectors: Sequence[Collector] = ()
    """What its metrics page has besides the calls and the loop."""
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]] = field(default=())
    """Work that runs as long as the server; its crash ends the server."""


class RunningServer:
    """A server that serves until its block ends or a background task fails."""

    def __init__(
        self, address: str, handlers: StagedHandlers, lag: LoopLagMonitor, failed: asyncio.Future[None]
    ) -> None:
        self.address = address
        """What clients connect to: host:port, or unix:path."""
        self.handlers = handlers
        """What it serves, for callers in its process."""
        self.lag = lag
        self._failed = failed

    async def wait_for_failure(self) -> None:
        """Wait for ever, or raise what ended a background task."""
        await asyncio.shield(self._failed)


@contextlib.asynccontextmanager
async def running(
    app: App,
    listen: str,
    settings: ServiceSettings | None = None,
    *,
    calls: RpcMetrics | None = None,
    lag: LoopLagMonitor | None = None,
) -> AsyncIterator[RunningServer]:
    """Serve `app` on `listen` for as long as the block runs.

    `calls` counts the calls and `lag` measures the loop, for a metrics page.

    At the end of the block health says NOT_SERVING and new calls are refused. Calls in flight get `drain_seconds` and
    are then canceled. Background tasks are canceled last, since calls in flight may need them.

    Raises:
        services.kit.addresses.ListenError: the address is in use or not one of this machine.
    """
    await asyncio.to_thread(addresses.check, listen)
    settings = settings or ServiceSettings()
    calls, lag = calls or RpcMetrics(), lag or LoopLagMonitor()
    stages = default_stages(calls, lag, max_in_flight=settings.max_in_flight, log_all=settings.access_log == "all")
    handlers = StagedHandlers(stages)
    for registration in app.registrations:
        registration.add(registration.servicer, handlers)
    names = [registration.service_name for registration in app.registrations]
    checker = HealthServicer()
    # Health and reflection have no stages, but what they are sent may be malformed as well.
    unstaged = StagedHandlers([])
    health_pb2_grpc.add_HealthServicer_to_server(checker, unstaged)
    reflector = reflection.aio.ReflectionServicer(  # type: ignore[attr-defined]  # Not in the stubs.
        (*names, health.SERVICE_NAME, reflection.SERVICE_NAME)
    )
    add_ServerReflectionServicer_to_server(reflector, unstaged)
    server = grpc.aio.server(
        handlers=[handlers, unstaged],
        options=[
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # A second server on the same port is a mistake and must fail.
            ("grpc.http2.min_ping_interval_without_data_ms", 60_000),
            ("grpc.keepalive_permit_without_calls", 1),
            # With probing, the window of a stream grows to 16 MB and more, and an upload would wait in memory.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", _READ_AHEAD_BYTES),
        ],
    )
    try:
        port = server.add_insecure_port(listen)
    except RuntimeError as error:
        raise addresses.ListenError(f"cannot listen on {listen}: gRPC says {error}") from error
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    tasks = [
        asyncio.create_task(work(), name=f"{app.name}:{getattr(work, '__qualname__', 'background')}")
        for work in (lag.run, lambda: _watch_readiness(app, names, checker), *app.background)
    ]
    for task in tasks:
        task.add_done_callback(lambda done: _report(done, failed))
    for name in ("", *names):
        await checker.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
    await server.start()
    host = listen.rpartition(":")[0]
    address = listen if listen.startswith("unix:") else f"{host}:{port}"
    logger.info("serving", extra={"address": address, "services": names})
    try:
        yield RunningServer(address, handlers, lag, failed)
    finally:
        await checker.enter_graceful_shutdown()
        await server.stop(settings.drain_seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        failed.cancel()


async def _watch_readiness(app: App, names: Sequence[str], checker: HealthServicer) -> None:
    """Set the health of every service name, and of the server as a whole (""), by what `app.ready` says."""
    was = health_pb2.HealthCheckResponse.NOT_SERVING
    warned = False
    while True:
        status = health_pb2.HealthCheckResponse.SERVING
        if app.ready is not None:
            try:
                async with asyncio.timeout(_READY_TIMEOUT_SECONDS):
                    await app.ready()
            except Exception as error:
                status = health_pb2.HealthCheckResponse.NOT_SERVING
                if not warned:
                    logger.warning("not ready", extra={"error": f"{type(error).__name__}: {error}"})
                    warned = True
        if status != was:
            for name in ("", *names):
                await checker.set(name, status)
            was = status
            warned = warned and status != health_pb2.HealthCheckResponse.SERVING
        # A service that is not ready is asked more often, because others wait for it.
        serving = status == health_pb2.HealthCheckResponse.SERVING
        await asyncio.sleep(_READY_INTERVAL_SECONDS if serving else _NOT_READY_INTERVAL_SECONDS)


def _report(task: asyncio.Task[None], failed: asyncio.Future[None]) -> None:
    if task.cancelled() or failed.done():
        return
    error = task.exception() or RuntimeError(f"background task {task.get_name()} ended")
    logger.error("background task failed", exc_info=error)
    failed.set_exception(error)
