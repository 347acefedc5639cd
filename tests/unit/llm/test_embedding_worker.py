"""What the embedding worker does with its frames, without a model."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable

from services.llm.adapters.local.frames import Ask, Refusal, Reply, pack, read_reply
from services.llm.adapters.local.worker import serve


def _encode(ask: Ask, pause: Callable[[], None]) -> Reply:
    pause()
    if "bad" in ask.texts:
        raise ValueError("no such token")
    return Reply(kind=ask.kind, data=" ".join(map(str, ask.texts)).encode(), tokens=len(ask.texts))


def _written(frames: bytes) -> bytes:
    """Return what is written back where all frames wait in the pipe."""
    outgoing = io.BytesIO()
    received, sent = os.pipe()
    os.write(sent, frames)
    os.close(sent)
    with os.fdopen(received, "rb", buffering=0) as incoming:
        serve(_encode, incoming, outgoing)
    return outgoing.getvalue()


async def _served(*asks: Ask, cut: int = 0) -> list[object]:
    """Return the replies to asks, the last of which lacks its last `cut` bytes."""
    frames = b"".join(map(pack, asks))
    reader = asyncio.StreamReader()
    reader.feed_data(await asyncio.to_thread(_written, frames[: len(frames) - cut]))
    reader.feed_eof()
    replies: list[object] = []
    while not reader.at_eof():
        replies.append(await read_reply(reader))
    return replies


async def test_each_batch_gets_its_reply_until_the_input_ends() -> None:
    asks = [Ask(kind="query", texts=["a", "b"]), Ask(kind="query", texts=["c"])]
    assert await _served(*asks) == [
        Reply(kind="query", data=b"a b", tokens=2),
        Reply(kind="query", data=b"c", tokens=1),
    ]


async def test_questions_are_answered_at_a_pause_of_passages() -> None:
    asks = [Ask(kind="passage", texts=["a", "b"]), Ask(kind="query", texts=["c"])]
    assert await _served(*asks) == [
        Reply(kind="query", data=b"c", tokens=1),
        Reply(kind="passage", data=b"a b", tokens=2),
    ]


async def test_an_input_that_ends_within_a_frame_ends_the_worker() -> None:
    asks = [Ask(kind="passage", texts=["a"]), Ask(kind="query", texts=["c"])]
    assert await _served(*asks, cut=1) == [Reply(kind="passage", data=b"a", tokens=1)]


async def test_a_batch_that_fails_is_refused_and_the_next_one_served() -> None:
    asks = [Ask(kind="query", texts=["bad"]), Ask(kind="query", texts=["good"])]
    assert await _served(*asks) == [
        Refusal(kind="query", error="ValueError: no such token"),
        Reply(kind="query", data=b"good", tokens=1),
    ]
