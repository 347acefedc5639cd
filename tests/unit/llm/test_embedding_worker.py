"""What the embedding worker does with its frames, without a model."""

from __future__ import annotations

import asyncio
import io

from services.llm.adapters.embedders.frames import EmbedAsk, EmbedRefusal, EmbedReply, pack, read_reply
from services.llm.adapters.embedders.worker import serve


def _encode(ask: EmbedAsk) -> EmbedReply:
    if "bad" in ask.texts:
        raise ValueError("no such token")
    return EmbedReply(data=" ".join(ask.texts).encode(), tokens=len(ask.texts))


async def _served(*asks: EmbedAsk) -> list[object]:
    outgoing = io.BytesIO()
    serve(_encode, io.BytesIO(b"".join(map(pack, asks))), outgoing)
    reader = asyncio.StreamReader()
    reader.feed_data(outgoing.getvalue())
    reader.feed_eof()
    replies = []
    while not reader.at_eof():
        replies.append(await read_reply(reader))
    return replies


async def test_each_batch_gets_its_reply_until_the_input_ends() -> None:
    asks = [EmbedAsk(kind="passage", texts=["a", "b"]), EmbedAsk(kind="query", texts=["c"])]
    assert await _served(*asks) == [EmbedReply(data=b"a b", tokens=2), EmbedReply(data=b"c", tokens=1)]


async def test_a_batch_that_fails_is_refused_and_the_next_one_served() -> None:
    asks = [EmbedAsk(kind="passage", texts=["bad"]), EmbedAsk(kind="passage", texts=["good"])]
    assert await _served(*asks) == [EmbedRefusal("ValueError: no such token"), EmbedReply(data=b"good", tokens=1)]
