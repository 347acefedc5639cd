"""REST → gRPC → REST through the gateway ÷ its two parts bare: an ASGI echo and a grpc.aio call.

Everything that serves shares one core, the load has the other, so throughput is the inverse of the time that a
request costs. The limit is 1 ÷ (1/ASGI + 1/gRPC): what a gateway would do that cost nothing itself. Client and server
of the bare gRPC call share the serving core too, as they do behind the gateway.
"""

from __future__ import annotations

import orjson

from benchmarks import load
from benchmarks.harness import Comparison, compare, gateway, server

BODY = orjson.dumps({"messages": [{"role": "ROLE_USER", "content": "x" * 100}]})


async def run(*, seconds: float = 1.5, concurrency: int = 50) -> list[Comparison]:
    """One comparison."""
    async with (
        server("benchmarks.servers.echo", "raw") as backend,
        gateway({"TIKU_LLM_TARGET": backend}) as ours,
        server("benchmarks.servers.raw", "echo") as asgi,
    ):
        asked = load.prepare("POST", "/api/v1/chat", BODY)

        async def subject() -> float:
            seen = await load.run(ours, asked, concurrency=concurrency, seconds=seconds)
            assert not seen.failures
            return seen.per_second

        async def limit() -> float:
            echo = await load.run(asgi, asked, concurrency=concurrency, seconds=seconds / 2)
            arguments = (backend, str(concurrency), str(seconds / 2))
            async with server("benchmarks.servers.bare_call", *arguments) as calls_per_second:
                return 1 / (1 / echo.per_second + 1 / float(calls_per_second))

        return [await compare("REST→gRPC→REST ÷ (ASGI echo + grpc.aio call)", subject, limit, goal=0.60)]
