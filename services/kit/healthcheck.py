"""The health check of a container: `python -m services.kit.healthcheck`.

It ends with 0 when the container's service serves, else with 1. It asks grpc.health.v1 at TIKU_LISTEN, or the gateway's
/healthz where TIKU_GATEWAY_LISTEN is set.
"""

from __future__ import annotations

import asyncio
import os
import sys

from services.kit.addresses import host_and_port, reachable, with_port

_TIMEOUT_SECONDS = 4.0


async def grpc_serves(listen: str) -> bool:
    """Return whether the gRPC server that listens on host:port says SERVING."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    async with grpc.aio.insecure_channel(_target(listen)) as channel:
        try:
            health = health_pb2_grpc.HealthStub(channel)
            answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def http_serves(listen: str) -> bool:
    """Return whether the gateway that listens on host:port answers /healthz with 200."""
    host, port = host_and_port(listen)
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(reachable(host), port)
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            status = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return status.split()[1:2] == [b"200"]


def _target(listen: str) -> str:
    if listen.startswith("unix:"):
        return listen
    host, port = host_and_port(listen)
    return with_port(reachable(host), port)


def main() -> int:
    """Return the exit code."""
    gateway = os.environ.get("TIKU_GATEWAY_LISTEN", "")
    service = os.environ.get("TIKU_LISTEN", "")
    return 0 if asyncio.run(http_serves(gateway) if gateway else grpc_serves(service)) else 1


if __name__ == "__main__":
    sys.exit(main())
