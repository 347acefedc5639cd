"""gRPC unary through every interceptor ÷ a raw grpc.aio echo; same servicer, same client, same message."""

from __future__ import annotations

import grpc

from benchmarks.harness import Comparison, compare, server, throughput
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc

REQUEST = llm_pb2.ChatRequest(messages=[llm_pb2.ChatMessage(role=llm_pb2.ROLE_USER, content="x" * 100)])


async def run(*, seconds: float = 1.5, concurrency: int = 50) -> list[Comparison]:
    """Both servers on one core, the client on the other."""
    async with (
        server("benchmarks.servers.echo", "kit") as ours,
        server("benchmarks.servers.echo", "raw") as theirs,
        grpc.aio.insecure_channel(ours) as our_channel,
        grpc.aio.insecure_channel(theirs) as their_channel,
    ):
        subject, peer = llm_pb2_grpc.LlmServiceStub(our_channel), llm_pb2_grpc.LlmServiceStub(their_channel)
        metadata = (("x-request-id", "0123456789abcdef"), ("x-tiku-user", "dev"))

        async def ask_subject() -> object:
            return await subject.Chat(REQUEST, timeout=10, metadata=metadata)

        async def ask_peer() -> object:
            return await peer.Chat(REQUEST, timeout=10, metadata=metadata)

        return [
            await compare(
                "gRPC unary through all interceptors ÷ raw grpc.aio echo",
                lambda: throughput(ask_subject, concurrency=concurrency, seconds=seconds),
                lambda: throughput(ask_peer, concurrency=concurrency, seconds=seconds),
                goal=0.70,
            )
        ]
