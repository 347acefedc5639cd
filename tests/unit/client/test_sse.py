from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.client.sse import Event, events

STREAM = (
    ": still here\n\n"
    'event: delta\nid: 1\ndata: {"text":"光合"}\n\n'
    "retry: 10\r\nevent: delta\r\ndata: one\r\ndata: two\r\n\r\n"
    "event: empty\n\n"
    "data:bare\n\n"
    "event: cut\ndata: off\n"
).encode()
EXPECTED = [
    Event("delta", '{"text":"光合"}', "1"),
    Event("delta", "one\ntwo", ""),
    Event("message", "bare", ""),
]


async def cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
async def test_events_are_the_same_however_the_stream_is_cut(size: int) -> None:
    assert [event async for event in events(cut(STREAM, size))] == EXPECTED
