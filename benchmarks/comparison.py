"""Tiku against the synchronous application that it replaces, over a provider of a stated latency.

Both get the whole machine (no pinning): the provider, the load and the subject share its cores, in turn. The
synchronous version is FastAPI with plain `def` routes in Starlette's default pool of 40 threads. Two jobs: a chat, and
five questions about a text; there the whole of Tiku runs, PostgreSQL and every check included, while the synchronous
version keeps nothing. Both ask the provider once a question: Tiku's setting to have keys confirmed by a second call is
off.

A cell lasts until every client has been answered at least twice, the slow side's too, so that its P95 is that of a full
queue: at 1 s and 500 clients that takes the synchronous version two minutes for five questions.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks import load
from benchmarks.harness import ROOT, gateway, server, service, stack

HEADER = (
    "| job | upstream | clients | Tiku jobs/s | synchronous jobs/s | ratio | Tiku P95 | synchronous P95 |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)
TEXT = " ".join(
    f"The {colour} pigment of the {plant} absorbs light of {wave} nanometres and reflects the remaining wavelengths."
    for colour, plant, wave in (
        ("green", "spinach", 430),
        ("orange", "carrot", 450),
        ("yellow", "sunflower", 470),
        ("purple", "aubergine", 520),
        ("crimson", "beetroot", 540),
        ("brown", "kelp", 500),
        ("turquoise", "spirulina", 620),
        ("scarlet", "tomato", 480),
        ("violet", "lavender", 560),
        ("golden", "marigold", 445),
    )
)
CHAT = load.prepare("POST", "/api/v1/chat", orjson.dumps({"messages": [{"role": "ROLE_USER", "content": "x" * 100}]}))
GENERATE = load.prepare(
    "POST",
    "/api/v1/exercises:generate",
    orjson.dumps(
        {
            "text": TEXT,
            "count": 5,
            "kinds": ["QUESTION_KIND_FILL_IN_THE_BLANK"],
            "generator": "GENERATOR_CHOICE_MODEL_ONLY",
        }
    ),
)
GENERATE_SYNCHRONOUS = load.prepare("POST", "/api/v1/exercises:generate", orjson.dumps({"text": TEXT, "count": 5}))


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the comparison."""

    job: str
    latency: float
    concurrency: int
    ours: list[load.Load]
    theirs: list[load.Load]

    def row(self) -> str:
        """Return a row of a Markdown table: medians of the rounds."""
        ours, theirs = (statistics.median(seen.per_second for seen in side) for side in (self.ours, self.theirs))
        our_p95, their_p95 = (statistics.median(seen.p95 for seen in side) for side in (self.ours, self.theirs))
        return (
            f"| {self.job} | {self.latency * 1000:.0f} ms | {self.concurrency} | {ours:.0f} | {theirs:.0f} "
            f"| **{ours / theirs:.1f} ×** | {our_p95 * 1000:.0f} ms | {their_p95 * 1000:.0f} ms |"
        )


@contextlib.asynccontextmanager
async def _chat(provider: dict[str, str]) -> AsyncIterator[str]:
    async with service("llm", provider, core=None) as llm, gateway({"TIKU_LLM_TARGET": llm}, core=None) as url:
        yield url


@contextlib.asynccontextmanager
async def whole(provider: dict[str, str], *, tree: Path = ROOT) -> AsyncIterator[str]:
    """Run all of a source tree's Tiku for generation while the block runs; give the gateway's URL."""
    more = {
        "TIKU_EXERCISES_MAX_RUNS": "1000",
        "TIKU_EXERCISES_QUESTIONS_IN_FLIGHT": "5",
        "TIKU_EXERCISES_VERIFY_KEYS": "false",
    }
    async with stack({**provider, **more}, tree=tree) as url:
        yield url


async def run(*, rounds: int = 1, seconds: float = 10.0) -> AsyncIterator[str]:
    """Yield a table: 300 ms and 1 s, each at 50, 200 and 500 clients, for both jobs; `seconds` or two waves a cell."""
    yield HEADER
    for job, tiku, asked, asked_synchronous in (
        ("chat", _chat, CHAT, CHAT),
        ("5 questions", whole, GENERATE, GENERATE_SYNCHRONOUS),
    ):
        for latency in (0.3, 1.0):
            async with (
                server("benchmarks.servers.provider", "--latency", str(latency), core=None) as provider,
                tiku({"TIKU_LLM_BASE_URL": provider, "TIKU_LLM_API_KEY": "x", "TIKU_LLM_MODEL": "bench"}) as ours,
                server("benchmarks.servers.synchronous", provider, core=None) as theirs,
            ):
                for url, request in ((ours, asked), (theirs, asked_synchronous)):
                    await load.run(url, request, concurrency=40, seconds=2 * latency)  # What is done once is done.
                for concurrency in (50, 200, 500):
                    seen: tuple[list[load.Load], list[load.Load]] = ([], [])
                    for _ in range(rounds):
                        for side, (url, request) in enumerate(((ours, asked), (theirs, asked_synchronous))):
                            measured = await load.run(url, request, concurrency=concurrency, seconds=seconds, least=2)
                            if measured.failures:
                                raise RuntimeError(f"{measured.failures} of {measured.requests} failed at {url}")
                            seen[side].append(measured)
                    yield Row(job, latency, concurrency, *seen).row()
