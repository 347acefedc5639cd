"""Whether the process is alive, and whether everything behind it can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import orjson
from grpc_health.v1 import health_pb2

from gateway.exchange import Exchange
from gateway.metrics import Metrics
from gateway.upstream import Upstream

_CHECK = "/grpc.health.v1.Health/Check"
_TIMEOUT_SECONDS = 2.0


class Health:
    """Serves the pages that orchestrators and Prometheus read."""

    def __init__(self, upstream: Upstream, metrics: Metrics, *, draining: Callable[[], bool]) -> None:
        self._checks = {domain: upstream.unary(domain, _CHECK) for domain in upstream.domains()}
        self._metrics = metrics
        self._draining = draining

    async def alive(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Serve `GET /healthz`: the process answers."""
        await exchange.respond(200, orjson.dumps({"status": "ok"}))

    async def ready(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Serve `GET /readyz`: the state of each service, and 200 only when every one says SERVING, else 503."""
        states = await asyncio.gather(*(self._state(check) for check in self._checks.values()))
        services = dict(zip(self._checks, states, strict=True))
        ready = all(state == "SERVING" for state in states) and not self._draining()
        status = "draining" if self._draining() else "ready" if ready else "not ready"
        await exchange.respond(
            200 if ready else 503,
            orjson.dumps({"status": status, "services": services}),
            headers=[(b"cache-control", b"no-store")],
        )

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
