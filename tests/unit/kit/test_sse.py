"""Server-sent events out of bytes that arrive in any pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.sse import Event, EventDecoder, EventTooLongError

STREAM = (
    b": a comment\n\n"
    b'data: {"a": 1}\n\n'
    b'event: delta\nid: 1\ndata: {"text":"\xe5\x85\x89\xe5\x90\x88"}\n\n'
    b"event: ping\nid: 7\ndata:no space\r\n\r\n"
    b"retry: 10\r\nevent: delta\r\ndata: two\r\ndata: lines\r\n\r\n"
    b"\n\n"
    b"event: empty\n\n"
    b"data:\n\n"
    b"data\n\n"
    b"event: cut\ndata: [DONE]"
)
EVENTS = [
    Event("message", b'{"a": 1}', ""),
    Event("delta", '{"text":"光合"}'.encode(), "1"),
    Event("ping", b"no space", "7"),
    Event("delta", b"two\nlines", ""),
    Event("message", b"", ""),
    Event("message", b"", ""),
]
LAST = Event("cut", b"[DONE]", "")


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_do_not_depend_on_where_the_bytes_were_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    decoder = EventDecoder()
    assert [event for start, end in pairwise(edges) for event in decoder.feed(STREAM[start:end])] == EVENTS
    assert decoder.close() == [LAST]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_events_are_the_same_however_the_stream_is_cut(size: int) -> None:
    decoder = EventDecoder()
    assert [e for at in range(0, len(STREAM), size) for e in decoder.feed(STREAM[at : at + size])] == EVENTS


def test_an_end_after_a_whole_event_leaves_nothing() -> None:
    decoder = EventDecoder()
    assert decoder.feed(b"data: x\n\n") == [Event("message", b"x", "")]
    assert decoder.close() == []


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 40, b"x" * 40])
def test_a_line_without_end_is_refused_before_it_is_kept(piece: bytes) -> None:
    decoder = EventDecoder(max_event_bytes=100)
    decoder.feed(piece)
    decoder.feed(piece)
    with pytest.raises(EventTooLongError):
        decoder.feed(piece)


def test_an_event_without_end_is_refused_too() -> None:
    decoder = EventDecoder(max_event_bytes=100)
    with pytest.raises(EventTooLongError):
        decoder.feed(b"data: 0123456789\n" * 20)


def test_the_bound_is_per_event() -> None:
    decoder = EventDecoder(max_event_bytes=20)
    assert len(decoder.feed(b"data: 0123456789\n\n" * 50)) == 50


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
def test_lines_end_in_any_of_three_ways(end: bytes, size: int) -> None:
    decoder, stream = EventDecoder(), STREAM.replace(b"\r\n", b"\n").replace(b"\n", end)
    assert [e for at in range(0, len(stream), size) for e in decoder.feed(stream[at : at + size])] == EVENTS
    assert decoder.close() == [LAST]
