"""Chunks that were stored before there were words: they get theirs while the store serves (ADR 0047)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from qdrant_client import grpc as q

from services.kit.concurrency import map_in_turns
from services.kit.errors import NotFound, TikuError
from services.retrieval.adapters.stores.qdrant import WORDS, QdrantVectorStore, sparse_message, to_chunk, to_value
from services.retrieval.domain.search.bm25 import passage_vector

logger = logging.getLogger(__name__)

_PAGE_POINTS = 64
_FIRST_DELAY_SECONDS = 5.0
"""A service that starts has better things to do."""
_INTERVAL_SECONDS = 600.0
"""A restored backup may bring chunks without words at any time."""
_WITHOUT_WORDS = q.Filter(must_not=[q.Condition(has_vector=q.HasVectorCondition(has_vector=WORDS))])


class CompletingVectorStore(QdrantVectorStore):
    """A store that completes what it holds. It may be ended at any point: the chunks themselves tell what is done."""

    async def keep_complete(self) -> None:
        """Complete what is stored, now and then for ever; after an error of the store it is tried again."""
        await asyncio.sleep(_FIRST_DELAY_SECONDS)
        while True:
            try:
                completed = await self.complete()
                if completed:
                    logger.info("chunks got their words", extra={"chunks": completed})
            except TikuError as error:
                logger.warning("chunks without words are left", extra={"error": repr(error)})
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def complete(self) -> int:
        """Give every chunk without words its words, and return how many there were.

        Between two pages it waits as long as the last one took, so that it has at most half of the store's time.
        """
        completed = 0
        for collection in await self.collections():
            await self.add_words(collection)
            request = q.ScrollPoints(
                collection_name=collection,
                filter=_WITHOUT_WORDS,
                limit=_PAGE_POINTS,
                with_payload=q.WithPayloadSelector(enable=True),
            )
            started = time.monotonic()
            async for points in self._pages(request):
                await self._complete(collection, points)
                completed += len(points)
                await asyncio.sleep(time.monotonic() - started)
                started = time.monotonic()
        return completed

    async def _complete(self, collection: str, points: Sequence[q.RetrievedPoint]) -> None:
        operations = [item for items in await map_in_turns(_operations, points, 2) for item in items]
        try:
            await self._update(collection, operations)
        except NotFound:
            # One of them was deleted meanwhile.
            for operation in operations:
                await self._if_exists(self._update(collection, [operation]))

    async def _update(self, collection: str, operations: Sequence[q.PointsUpdateOperation]) -> None:
        request = q.UpdateBatchPoints(collection_name=collection, wait=True, operations=operations)
        await self._call(self._points.UpdateBatch, request)


def _operations(point: q.RetrievedPoint) -> list[q.PointsUpdateOperation]:
    """Return what completes a point. Its words come last: a point that has them is complete."""
    chunk = to_chunk(point)
    payload = {"last_page": to_value(chunk.last_page), "document_kind": to_value(chunk.document_kind)}
    selector = q.PointsSelector(points=q.PointsIdsList(ids=[point.id]))
    vector = q.Vector(sparse=sparse_message(passage_vector(chunk.text)))
    words = q.PointVectors(id=point.id, vectors=q.Vectors(vectors=q.NamedVectors(vectors={WORDS: vector})))
    return [
        q.PointsUpdateOperation(
            set_payload=q.PointsUpdateOperation.SetPayload(payload=payload, points_selector=selector)
        ),
        # A chunk that was stored anew meanwhile has words already, and maybe others.
        q.PointsUpdateOperation(
            update_vectors=q.PointsUpdateOperation.UpdateVectors(points=[words], update_filter=_WITHOUT_WORDS)
        ),
    ]
