"""What the embedding worker does with its frames, without a model."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

from services.llm.adapters.embedders.frames import EmbedAsk, EmbedRefusal, EmbedReply, pack, read_reply
from services.llm.adapters.embedders.worker import serve


def _encode(ask: EmbedAsk, _: Callable[[], None]) -> EmbedReply:
    if "bad" in ask.texts:
        raise ValueError("no such token")
    return EmbedReply(kind=ask.kind, data=" ".join(ask.texts).encode(), tokens=len(ask.texts))


async def _served(*asks: EmbedAsk) -> list[object]:
    outgoing = io.BytesIO()
    serve(_encode, io.BytesIO(b"".join(map(pack, asks))), outgoing)
    reader = asyncio.StreamReader()
    reader.feed_data(outgoing.getvalue())
    reader.feed_eof()
    replies: list[object] = []
    while not reader.at_eof():
        replies.append(await read_reply(reader))
    return replies


async def test_each_batch_gets_its_reply_until_the_input_ends() -> None:
    asks = [EmbedAsk(kind="passage", texts=["a", "b"]), EmbedAsk(kind="query", texts=["c"])]
    assert await _served(*asks) == [
        EmbedReply(kind="passage", data=b"a b", tokens=2),
        EmbedReply(kind="query", data=b"c", tokens=1),
    ]


async def test_a_batch_that_fails_is_refused_and_the_next_one_served() -> None:
    asks = [EmbedAsk(kind="passage", texts=["bad"]), EmbedAsk(kind="passage", texts=["good"])]
    assert await _served(*asks) == [
        EmbedRefusal(kind="passage", error="ValueError: no such token"),
        EmbedReply(kind="passage", data=b"good", tokens=1),
    ]
