"""The gateway in the process of a service, which it calls without gRPC in between (ADR 84)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
from collections.abc import AsyncIterator, Awaitable

from pydantic import ValidationError

from gateway.app import running
from gateway.settings import GatewaySettings
from services.kit.addresses import host_and_port, reachable, with_port
from services.kit.in_process import InProcess
from services.kit.process import Beside
from services.kit.server import RunningServer

logger = logging.getLogger(__name__)


def beside_of(domain: str, settings: GatewaySettings) -> Beside:
    """Return what serves the gateway beside the service of a domain."""
    allow_many_files()

    @contextlib.asynccontextmanager
    async def beside(server: RunningServer) -> AsyncIterator[Awaitable[object]]:
        # Streams of requests, such as files, and health come over gRPC all the same.
        own = settings.model_copy(update={f"{domain}_target": _target(server.address)})
        local = InProcess(server.handlers)
        try:
            async with running(own, {domain: local}) as gateway:
                logger.info("serving", extra={"url": gateway.url})
                yield asyncio.wait((gateway.serving,))
        finally:
            # What handlers do in the end, such as to count a call, needs what the service closes next.
            await local.stop(settings.drain_seconds)

    return beside


def _target(address: str) -> str:
    """Return where a server is reached from its own machine."""
    if address.startswith("unix:"):
        return address
    host, port = host_and_port(address)
    return with_port(reachable(host), port)


def settings_or_fault() -> GatewaySettings | str:
    """Return the settings of the environment, or in words which variable holds what is not allowed."""
    try:
        return GatewaySettings()
    except ValidationError as error:
        return "; ".join(f"{_variable(str(fault['loc'][0]))}: {fault['msg']}" for fault in error.errors())


def allow_many_files() -> None:
    """Raise the number of files that may be open, and with it of connections, to what the system allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _variable(name: str) -> str:
    """Return the environment variable that a setting comes from."""
    return name if name.startswith("TIKU_") else f"TIKU_GATEWAY_{name.upper()}"
