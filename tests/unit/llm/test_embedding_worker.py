"""What the embedding worker does with its frames, without a model."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

from services.llm.adapters.local.frames import Ask, Refusal, Reply, pack, read_reply
from services.llm.adapters.local.worker import serve


def _encode(ask: Ask, _: Callable[[], None]) -> Reply:
    if "bad" in ask.texts:
        raise ValueError("no such token")
    return Reply(kind=ask.kind, data=" ".join(map(str, ask.texts)).encode(), tokens=len(ask.texts))


async def _served(*asks: Ask) -> list[object]:
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
    asks = [Ask(kind="passage", texts=["a", "b"]), Ask(kind="query", texts=["c"])]
    assert await _served(*asks) == [
        Reply(kind="passage", data=b"a b", tokens=2),
        Reply(kind="query", data=b"c", tokens=1),
    ]


async def test_a_batch_that_fails_is_refused_and_the_next_one_served() -> None:
    asks = [Ask(kind="passage", texts=["bad"]), Ask(kind="passage", texts=["good"])]
    assert await _served(*asks) == [
        Refusal(kind="passage", error="ValueError: no such token"),
        Reply(kind="passage", data=b"good", tokens=1),
    ]
