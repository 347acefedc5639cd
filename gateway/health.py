"""Whether the process is alive, and whether everything behind it can serve."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import orjson
from grpc_health.v1 import health_pb2

from gateway.exchange import Exchange
from gateway.metrics import Metrics
from gateway.upstream import Upstream
from services.kit.disk_room import DiskRoom

_CHECK = "/grpc.health.v1.Health/Check"
_TIMEOUT_SECONDS = 2.0
_DETAILS = re.compile(r"[:;]| \(")
_FULL_BYTES = 32 * 1024 * 1024
"""Room below which the disk is full even if the state file does not say so (yet)."""


class StackState:
    """What `tiku up` writes about itself; its methods block.

    Args:
        file: the state file, `run/stack.json` in the data folder.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._room = DiskRoom(file.parent, 0)

    def read(self) -> tuple[dict[str, str], bool]:
        """Return why each process that does not run is down, and whether the disk is full; nothing if unknown.

        A file that could not be written any more does not say that the disk is full, so the disk is asked as well.
        """
        try:
            state = orjson.loads(self._file.read_bytes())
            down = {str(name): _short(str(why)) for name, why in state["down"].items()}
            return down, state["disk"] == "full" or self._room.available() < _FULL_BYTES
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}, False


def _short(why: str) -> str:
    """Return what happened without its details: they hold paths, and anybody may read this page."""
    return _DETAILS.split(why, maxsplit=1)[0]


class Health:
    """Serves the pages that orchestrators and Prometheus read."""

    def __init__(
        self, upstream: Upstream, metrics: Metrics, *, draining: Callable[[], bool], stack: StackState | None = None
    ) -> None:
        self._checks = {domain: upstream.unary(domain, _CHECK) for domain in upstream.domains()}
        self._metrics = metrics
        self._draining = draining
        self._stack = stack

    async def alive(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Serve `GET /healthz`: the process answers."""
        await exchange.respond(200, orjson.dumps({"status": "ok"}))

    async def ready(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Serve `GET /readyz`: the state of each service, and 200 only when every one says SERVING, else 503.

        Where `tiku up` runs the services, `down` says in a line each what does not run, engines included, and `disk`
        is "full" while writes are refused. Neither changes the status: what can be read is served.
        """
        states = await asyncio.gather(*(self._state(check) for check in self._checks.values()))
        services = dict(zip(self._checks, states, strict=True))
        ready = all(state == "SERVING" for state in states) and not self._draining()
        status = "draining" if self._draining() else "ready" if ready else "not ready"
        await exchange.respond(
            200 if ready else 503,
            orjson.dumps({"status": status, "services": services, **await self._of_stack()}),
            headers=[(b"cache-control", b"no-store")],
        )

    async def _of_stack(self) -> dict[str, Any]:
        if self._stack is None:
            return {}
        down, full = await asyncio.to_thread(self._stack.read)
        return {"down": down, "disk": "full" if full else "ok"}

    async def metrics(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Serve `GET /metrics`."""
        # The page reads the process's own figures from /proc.
        text, content_type = await asyncio.to_thread(self._metrics.page)
        await exchange.respond(200, text, content_type=content_type)

    async def _state(self, check: Callable[..., Any]) -> str:
        request = health_pb2.HealthCheckRequest().SerializeToString()
        try:
            raw = await check(request, timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return "UNREACHABLE" if code is grpc.StatusCode.UNAVAILABLE else code.name
        state: str = health_pb2.HealthCheckResponse.ServingStatus.Name(
            health_pb2.HealthCheckResponse.FromString(raw).status
        )
        return state
