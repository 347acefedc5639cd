"""Translation of retrieval's messages: a large batch is translated between turns of the loop."""

from __future__ import annotations

import asyncio
import uuid

from services.common.values import Source, TokenUsage
from services.retrieval import messages
from services.retrieval.values.extraction import Extraction
from services.retrieval.values.graph import Contribution, Mention
from tiku.common.v1 import source_pb2
from tiku.retrieval.v1 import graph_pb2, retrieval_pb2


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


async def test_ids_of_a_quote_in_capitals_mean_the_same() -> None:
    document, chunk = str(uuid.uuid4()), str(uuid.uuid4())
    quote = source_pb2.Source(document_id=document.upper(), chunk_id=chunk.upper(), end=5, quote="Water")
    request = graph_pb2.UpsertRequest(mentions=[graph_pb2.Mention(surface="Water", end=5, quote=quote)])
    found = (await messages.contribution(request)).mentions[0].quote
    assert (found.document_id, found.chunk_id) == (document, chunk)


async def test_what_was_extracted_can_be_sent_back_and_keeps_its_keys() -> None:
    quote = Source(0, 23, "Cells are in all Wales.")
    found = [Mention(0, 5, "Cells", "cell", "term", quote), Mention(17, 22, "Wales", "wales", "place", quote)]
    message = messages.extraction_message(Extraction(Contribution(tuple(found)), "scripted", TokenUsage()))
    assert [mention.common for mention in message.mentions] == [True, False]
    added = await messages.contribution(graph_pb2.UpsertRequest(mentions=message.mentions))
    assert [mention.key for mention in added.mentions] == ["cell", "wales"]
