"""Puts passages into the index and the graph of a retrieval service, as fast as it takes them.

`python -m benchmarks.scale.writer ADDRESS KIND FIRST COUNT [PART…]` is a process of its own. It prints "ready 0", and
then, for each batch that is stored, the part and the number of passages.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

import grpc
import uvloop

from benchmarks.scale.library import MODEL, Library, Passage, chunk_message
from tiku.retrieval.v1 import graph_pb2, graph_pb2_grpc, retrieval_pb2, retrieval_pb2_grpc

PARTS = ("vectors", "graph")
_BATCH = 64
_CALLS = 2
"""Calls at a time, of each part: two documents are indexed at once."""
_CALL_SECONDS = 180.0


class Writer:
    """Stores passages in calls of at most 64, as the docs service does."""

    def __init__(self, address: str, library: Library) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self._index = retrieval_pb2_grpc.RetrievalServiceStub(self._channel)
        self._graph = graph_pb2_grpc.GraphServiceStub(self._channel)
        self._library = library

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)

    async def index(self, passages: Sequence[Passage]) -> None:
        """Store vectors."""
        request = retrieval_pb2.IndexChunksRequest(embedding_model=MODEL)
        for passage, vector in zip(passages, self._library.vectors(passages), strict=True):
            request.chunks.add(chunk=chunk_message(passage), vector=vector)
        await self._index.IndexChunks(request, timeout=_CALL_SECONDS)

    async def add(self, passages: Sequence[Passage]) -> None:
        """Store what the passages speak of."""
        request = graph_pb2.AddChunksRequest(chunks=map(chunk_message, passages))
        await self._graph.AddChunks(request, timeout=_CALL_SECONDS)

    async def delete(self, document_id: str) -> None:
        """Delete a document from both."""
        request = retrieval_pb2.DeleteDocumentRequest(document_id=document_id)
        await self._index.DeleteDocument(request, timeout=_CALL_SECONDS)


async def store(
    part: str, call: Callable[[Sequence[Passage]], Awaitable[None]], batches: Sequence[Sequence[Passage]]
) -> None:
    """Store batches, a few at a time; print the number of passages of each as it is stored."""
    left = iter(batches)

    async def one_after_another() -> None:
        for batch in left:
            await call(batch)
            print(part, len(batch), flush=True)

    await asyncio.gather(*(one_after_another() for _ in range(_CALLS)))


async def main(address: str, kind: str, first: int, count: int, parts: Sequence[str]) -> None:
    """Store passages in the index and in the graph at the same time."""
    library = Library()
    passages = list(library.passages(first, count, kind))
    batches = [passages[start : start + _BATCH] for start in range(0, count, _BATCH)]
    writer = Writer(address, library)
    calls = {"vectors": writer.index, "graph": writer.add}
    try:
        print("ready", 0, flush=True)
        await asyncio.gather(*(store(part, calls[part], batches) for part in parts))
    finally:
        await writer.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:] or PARTS))
