"""Retrieve over legs of a fixed delay: how much longer than its slowest leg and its rerank, beside one after another.

The retriever is the service's own, with its fusion; legs and reranker sleep and then give passages. Both ways are
measured in turn within one run, with as many requests at a time.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.domain.search.fusion import fuse
from services.retrieval.domain.search.hybrid import HybridRetriever
from services.retrieval.values.chunk import EVERYWHERE, Chunk, Hit, LegQuery

HEADER = "| what | P50, ms | ÷ (slowest leg + rerank) | goal |\n| --- | --- | --- | --- |"
DELAYS = {"vector": 0.100, "words": 0.050, "graph": 0.150}
"""Seconds that each leg takes."""
RERANK_SECONDS = 0.050
CONCURRENCY = 50
ROUNDS = 5
GOAL = 1.10
_DOCUMENT = Path(__file__).read_text(encoding="utf-8")


def _hits(first: int, dense: bool) -> list[Hit]:
    found = []
    for i in range(first, first + 40):
        chunk = Chunk(f"chunk-{i}", "document", "legs.py", i, _DOCUMENT[i : i + 600], 0, i, i + 600)
        found.append(Hit(chunk, 1 - i / 200, similarity=0.6 - i / 200 if dense else None, embedding_model="m"))
    return found


@dataclass(frozen=True)
class StubLeg:
    """A leg that finds the same passages after its delay."""

    name: str
    seconds: float
    hits: list[Hit]

    async def find(self, query: LegQuery) -> list[Hit]:
        """Sleep, and return the passages."""
        await asyncio.sleep(self.seconds)
        return self.hits[: query.limit]


class StubReranker:
    """A reranker that keeps the order after its delay."""

    async def rerank(self, query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
        """Sleep, and return the order as it was."""
        await asyncio.sleep(RERANK_SECONDS)
        return [(i, -float(i)) for i in range(len(texts))]


async def run() -> AsyncIterator[str]:
    """Yield a table with a row a way: all legs at once, and one after another."""
    yield HEADER
    legs = [StubLeg(name, seconds, _hits(10 * i, name == "vector")) for i, (name, seconds) in enumerate(DELAYS.items())]
    query = LegQuery("What does a leg do?", "alice", EVERYWHERE, 10)
    retriever = HybridRetriever(legs, FakeVectorStore(), StubReranker())

    async def at_once() -> None:
        assert len((await retriever.retrieve(query)).hits) == query.limit

    async def in_turn() -> None:
        found = {leg.name: await leg.find(query) for leg in legs}
        hits = fuse(query.text, found)[:40]
        await StubReranker().rerank(query.text, [hit.chunk.text for hit in hits])

    times: dict[str, list[float]] = {"legs at once": [], "one after another": []}
    for _ in range(ROUNDS):
        for name, way in zip(times, (at_once, in_turn), strict=True):
            times[name] += await asyncio.gather(*(_timed(way()) for _ in range(CONCURRENCY)))
    limit = max(DELAYS.values()) + RERANK_SECONDS
    for name, found in times.items():
        median = statistics.median(found)
        goal = f"≤ {GOAL:.2f}" if name == "legs at once" else "–"
        yield f"| {name}, {CONCURRENCY} at a time | {median * 1e3:.0f} | **{median / limit:.2f}** | {goal} |"


async def _timed(work: Awaitable[None]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started
