"""What a retrieval asks of its engines, sent to them without Tiku between.

The product's own stores answer each question once, and what they send is noted: calls of Qdrant's API, and statements
of Cypher with their parameters, in steps. A step begins when the one before it is answered, as the calls of a leg do;
the legs run side by side, and the one across languages after them. What a store asks about itself (which collections
there are) is left out, and a statement needs no transaction around it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from neo4j import AsyncDriver, AsyncGraphDatabase
from qdrant_client import grpc as q

from benchmarks.scale.engines import Engines
from services.kit import context
from services.language.detection import language_of
from services.language.lexicon import lexicon
from services.retrieval.adapters.calibrations import toml
from services.retrieval.adapters.clients.llm import LlmEmbedder
from services.retrieval.adapters.graphs.neo4j import Neo4jGraphStore
from services.retrieval.adapters.stores.qdrant import QdrantVectorStore
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.domain.graph.leg import GraphRetriever
from services.retrieval.domain.search.dense import DenseRetriever
from services.retrieval.domain.search.translated import TranslatedRetriever
from services.retrieval.domain.search.words import WordsRetriever
from services.retrieval.ports import Leg
from services.retrieval.values.chunk import EVERYWHERE, LegQuery

ACROSS = TranslatedRetriever.name
DEPTH = 40
"""Hits that each leg is asked for when ten are wanted."""
_READS = frozenset({"Query", "QueryBatch", "Scroll", "Get"})
_CONNECTIONS = 6
"""Connections to the graph engine: it refuses what is more than some that wait."""

Send = Callable[[], Awaitable[Any]]


@dataclass
class Steps:
    """What one leg sends for one question, in steps of calls that are under way at the same time."""

    steps: list[list[Send]] = field(default_factory=list)
    found: int = 0
    """Passages that the leg found."""
    _under_way: int = 0

    @contextlib.contextmanager
    def sending(self, send: Send) -> Iterator[None]:
        """Note a call while it is under way."""
        if not self._under_way:
            self.steps.append([])
        self.steps[-1].append(send)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def send(self) -> None:
        """Send everything again."""
        for step in self.steps:
            await asyncio.gather(*(send() for send in step))


class Straight:
    """Clients of the engines, and what a retrieval sends to them for each question."""

    def __init__(self, stub: Any, driver: AsyncDriver) -> None:
        self._stub = stub
        self._driver = driver
        self._legs: dict[str, Leg] = {}
        self.steps = Steps()
        """Of the leg that is asked."""

    @classmethod
    @asynccontextmanager
    async def open(cls, engines: Engines, llm: str) -> AsyncIterator[Self]:
        """Connect to the engines, and to the embedder at `llm`."""
        async with contextlib.AsyncExitStack() as stack:
            options = [("grpc.max_receive_message_length", 64 * 1024 * 1024)]
            channel = grpc.aio.insecure_channel(engines.qdrant_url.removeprefix("http://"), options=options)
            await stack.enter_async_context(channel)
            driver = AsyncGraphDatabase.driver(
                engines.bolt_url,
                auth=(engines.user, engines.password) if engines.user else None,
                max_connection_pool_size=_CONNECTIONS,
                connection_acquisition_timeout=60.0,
            )
            await stack.enter_async_context(driver)
            straight = cls(q.PointsStub(channel), driver)  # type: ignore[no-untyped-call]
            store = await stack.enter_async_context(_NotedStore.open(engines.qdrant_url))
            store.note(straight)
            graph = await stack.enter_async_context(_NotedGraph.open(engines.bolt_url, engines.user, engines.password))
            graph.straight = straight
            embedder = LlmEmbedder(await stack.enter_async_context(grpc.aio.insecure_channel(llm)))
            dense = DenseRetriever(embedder, store, Centering(await asyncio.to_thread(toml.load)))
            await asyncio.to_thread(lexicon)  # A leg would wait for it for some seconds only.
            own = GraphRetriever(graph, store)
            legs: list[Leg] = [dense, WordsRetriever(store), own, TranslatedRetriever(store, lexicon)]
            straight._legs = {leg.name: leg for leg in legs}
            yield straight

    async def noted(self, question: str, legs: Collection[str]) -> dict[str, Steps]:
        """Return what legs send for a question. That across languages is asked where the product would ask it."""
        query = LegQuery(question, context.current().user_id, EVERYWHERE, DEPTH)
        noted: dict[str, Steps] = {}
        foreign = False
        for name in legs:
            self.steps = Steps()
            if name != ACROSS or foreign:
                hits = await self._legs[name].find(query)
                self.steps.found = len(hits)
                foreign |= any(language_of(hit.chunk.text) != language_of(question) for hit in hits)
            noted[name] = self.steps
        return noted

    async def call(self, method: str, request: Any) -> None:
        """Send a call to Qdrant."""
        await getattr(self._stub, method)(request, timeout=60)

    async def ask(self, text: str, parameters: dict[str, Any]) -> None:
        """Send a statement to the graph engine and take its rows."""
        async with self._driver.session(database="neo4j") as session:
            await (await session.run(text, parameters)).data()


async def send_all(legs: Mapping[str, Steps]) -> None:
    """Send what legs send for a question, the legs side by side, and last the one across languages."""
    await asyncio.gather(*(leg.send() for name, leg in legs.items() if name != ACROSS))
    await legs[ACROSS].send()


@dataclass(frozen=True)
class _NotedStub:
    """A stub of Qdrant's points whose reads are noted."""

    stub: Any
    straight: Straight

    def __getattr__(self, method: str) -> Any:
        send = getattr(self.stub, method)

        async def call(request: Any, **options: Any) -> Any:
            copied = type(request)()
            copied.CopyFrom(request)
            with self.straight.steps.sending(lambda: self.straight.call(method, copied)):
                return await send(request, **options)

        return call if method in _READS else send


class _NotedStore(QdrantVectorStore):
    """A vector store whose reads are noted."""

    def note(self, straight: Straight) -> None:
        self._points = _NotedStub(self._points, straight)  # type: ignore[assignment]  # It has the methods of the stub.


class _NotedGraph(Neo4jGraphStore):
    """A graph whose reads are noted."""

    straight: Straight

    async def _read(self, work: Any, *, alone: bool = False) -> Any:
        return await super()._read(lambda tx: work(_NotedTransaction(tx, self.straight)), alone=alone)


@dataclass(frozen=True)
class _NotedTransaction:
    tx: Any
    straight: Straight

    async def run(self, text: str, parameters: dict[str, Any]) -> Any:
        with self.straight.steps.sending(lambda: self.straight.ask(text, parameters)):
            return await self.tx.run(text, parameters)
