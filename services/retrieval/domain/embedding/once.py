"""A question is embedded once a request, however many legs compare passages to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from services.kit import context
from services.retrieval.ports import Embedder
from services.retrieval.values.chunk import QueryEmbedding


@dataclass(slots=True)
class _Asked:
    """An embedding under way, and how many wait for it."""

    task: asyncio.Task[QueryEmbedding]
    waiting: int = 0


@dataclass(slots=True)
class _Known:
    """What one request asked for. A task holds the request that it works for, so none stays once it is done."""

    asked: dict[str, _Asked] = field(default_factory=dict)
    embedded: dict[str, QueryEmbedding] = field(default_factory=dict)


class OncePerRequest:
    """An Embedder that keeps what a request asked for until the request is over; failures are not kept."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._requests: WeakKeyDictionary[context.RequestContext, _Known] = WeakKeyDictionary()

    async def embed_query(self, text: str) -> QueryEmbedding:
        """Embed a question, or wait for who asked first; one that gives up takes nothing from the others."""
        request = context.current()
        if not request.request_id:
            return await self._embedder.embed_query(text)
        known = self._requests.setdefault(request, _Known())
        if text not in known.embedded:
            if text not in known.asked:
                known.asked[text] = _Asked(asyncio.create_task(self._embedder.embed_query(text)))
            known.embedded[text] = await self._awaited(known, text)
        return known.embedded[text]

    async def _awaited(self, known: _Known, text: str) -> QueryEmbedding:
        asked = known.asked[text]
        asked.waiting += 1
        try:
            return await asyncio.shield(asked.task)
        finally:
            asked.waiting -= 1
            if not asked.waiting:
                asked.task.cancel()
                del known.asked[text]

    async def embed_passages(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        """Embed texts to be found; nothing is kept."""
        return await self._embedder.embed_passages(texts, model)
