"""Translation of retrieval's messages: a large batch is translated between turns of the loop."""

from __future__ import annotations

import asyncio

from services.retrieval import messages
from tiku.retrieval.v1 import retrieval_pb2


async def test_a_large_batch_leaves_the_loop_its_turns() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    batch = [retrieval_pb2.IndexedChunk(chunk=retrieval_pb2.Chunk(ordinal=number)) for number in range(1024)]
    chunks = await messages.embedded_chunks(batch)
    counting.cancel()
    assert [embedded.chunk.ordinal for embedded in chunks] == list(range(1024))
    assert turns >= 1024 / 32
