"""Tokens per second through all hops (provider → llm → gateway → SSE) ÷ a bare chain of the same hops.

It also measures how much later the first token comes.

The provider streams as fast as it is read, on the load's core; llm service and gateway share the other, and so do
their bare counterparts.
"""

from __future__ import annotations

import statistics

import orjson

from benchmarks import load
from benchmarks.harness import Comparison, compare, gateway, server, service

TOKENS = 400


def body(tokens: int) -> bytes:
    """Return the body of a request for a stream."""
    return orjson.dumps(
        {"messages": [{"role": "ROLE_USER", "content": "x" * 100}], "options": {"maxTokens": tokens}},
    )


async def run(*, seconds: float = 2.0) -> list[Comparison]:
    """One comparison for 1 stream, one for 50, one for the first token (as a rate: 1 ÷ seconds)."""
    async with (
        server("benchmarks.servers.provider", "--latency", "0", "--tokens", str(TOKENS), core=1) as fast,
        service("llm", {"TIKU_LLM_BASE_URL": fast, "TIKU_LLM_API_KEY": "x", "TIKU_LLM_MODEL": "bench"}) as llm,
        gateway({"TIKU_LLM_TARGET": llm}) as ours,
        server("benchmarks.servers.bare_llm", fast) as bare,
        server("benchmarks.servers.raw", "chain", bare) as chain,
    ):
        found = []
        asked = load.prepare("POST", "/api/v1/chat:stream", body(TOKENS))
        bare_asked = load.prepare("POST", "/stream", body(TOKENS))
        for streams in (1, 50):

            async def subject(streams: int = streams) -> float:
                seen = await load.run(ours, asked, concurrency=streams, seconds=seconds)
                assert not seen.failures
                return seen.per_second * TOKENS

            async def peer(streams: int = streams) -> float:
                return (await load.run(chain, bare_asked, concurrency=streams, seconds=seconds)).per_second * TOKENS

            plural = "stream" if streams == 1 else "streams"
            found.append(await compare(f"tokens/s, {streams} {plural} ÷ bare chain", subject, peer, goal=0.6))

        async def first_token(url: str, request: bytes) -> float:
            seen = await load.run(url, request, concurrency=1, seconds=seconds / 2)
            return 1 / statistics.median(seen.first_bytes)

        found.append(
            await compare(
                "first token, 1 stream (1/s) ÷ bare chain",
                lambda: first_token(ours, asked),
                lambda: first_token(chain, bare_asked),
                goal=0.4,
            )
        )
        return found
