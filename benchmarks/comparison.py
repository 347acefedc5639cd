"""Tiku against the synchronous application that it replaces: chat over a provider of a stated latency.

Both get the whole machine (no pinning): the provider, the load and the subject share its cores, in turn. The
synchronous version is FastAPI with plain `def` routes in Starlette's default pool of 40 threads.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import orjson

from benchmarks import load
from benchmarks.harness import gateway, server, service

BODY = orjson.dumps({"messages": [{"role": "ROLE_USER", "content": "x" * 100}]})
HEADER = (
    "| upstream | clients | Tiku req/s | synchronous req/s | ratio | Tiku P95 | synchronous P95 |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the comparison."""

    latency: float
    concurrency: int
    ours: list[load.Load]
    theirs: list[load.Load]

    def row(self) -> str:
        """A row of a Markdown table: medians of the rounds."""
        ours, theirs = (statistics.median(seen.per_second for seen in side) for side in (self.ours, self.theirs))
        our_p95, their_p95 = (statistics.median(seen.p95 for seen in side) for side in (self.ours, self.theirs))
        return (
            f"| {self.latency * 1000:.0f} ms | {self.concurrency} | {ours:.0f} | {theirs:.0f} "
            f"| **{ours / theirs:.1f} ×** | {our_p95 * 1000:.0f} ms | {their_p95 * 1000:.0f} ms |"
        )


async def run(*, rounds: int = 3, seconds: float = 6.0) -> list[Row]:
    """Six rows: 300 ms and 1 s, each at 50, 200 and 500 concurrent clients."""
    rows = []
    asked = load.prepare("POST", "/api/v1/chat", BODY)
    for latency in (0.3, 1.0):
        async with (
            server("benchmarks.servers.provider", "--latency", str(latency), core=None) as provider,
            service(
                "llm",
                {"TIKU_LLM_BASE_URL": provider, "TIKU_LLM_API_KEY": "x", "TIKU_LLM_MODEL": "bench"},
                core=None,
            ) as llm,
            gateway({"TIKU_LLM_TARGET": llm}, core=None) as ours,
            server("benchmarks.servers.synchronous", provider, core=None) as theirs,
        ):
            for concurrency in (50, 200, 500):
                seen: tuple[list[load.Load], list[load.Load]] = ([], [])
                for _ in range(rounds):
                    for side, url in enumerate((ours, theirs)):
                        measured = await load.run(url, asked, concurrency=concurrency, seconds=seconds)
                        if measured.failures:
                            raise RuntimeError(f"{measured.failures} of {measured.requests} requests failed at {url}")
                        seen[side].append(measured)
                rows.append(Row(latency, concurrency, *seen))
    return rows
