"""Calls LlmService.Chat on bare grpc.aio for a while and prints calls per second.

`python -m benchmarks.servers.bare_call TARGET CONCURRENCY SECONDS`: a process of its own, so that the client's cost
falls on the same core as the server's, as it does behind the gateway.
"""

from __future__ import annotations

import sys

import grpc
import uvloop

from benchmarks.harness import throughput
from benchmarks.unary import REQUEST
from tiku.llm.v1 import llm_pb2_grpc


async def main(target: str, concurrency: int, seconds: float) -> None:
    """Parse the command line and run."""
    async with grpc.aio.insecure_channel(target) as channel:
        stub = llm_pb2_grpc.LlmServiceStub(channel)

        async def ask() -> object:
            return await stub.Chat(REQUEST, timeout=10)

        await throughput(ask, concurrency=concurrency, seconds=0.3)
        print(await throughput(ask, concurrency=concurrency, seconds=seconds), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
