"""Server-sent events out of bytes that arrive in any pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.llm.adapters.providers.sse import EventReader, LineTooLongError

STREAM = (
    b": a comment\n\n"
    b'data: {"a": 1}\n\n'
    b"event: ping\nid: 7\ndata:no space\r\n\r\n"
    b"data: two\ndata: lines\n\n"
    b"\n\n"
    b"data:\n\n"
    b"data: \xe5\x85\x89\xe5\x90\x88\n\n"
    b"data: [DONE]"
)
EVENTS = [b'{"a": 1}', b"no space", b"two\nlines", b"", "光合".encode(), b"[DONE]"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_do_not_depend_on_where_the_bytes_were_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    reader = EventReader()
    events = [event for start, end in pairwise(edges) for event in reader.feed(STREAM[start:end])]
    assert events + reader.close() == EVENTS


def test_an_end_after_a_whole_event_leaves_nothing() -> None:
    reader = EventReader()
    assert reader.feed(b"data: x\n\n") == [b"x"]
    assert reader.close() == []


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 40, b"x" * 40])
def test_a_line_without_end_is_refused_before_it_is_held(piece: bytes) -> None:
    reader = EventReader(max_event_bytes=100)
    reader.feed(piece)
    reader.feed(piece)
    with pytest.raises(LineTooLongError):
        reader.feed(piece)


def test_an_event_without_end_is_refused_too() -> None:
    reader = EventReader(max_event_bytes=100)
    with pytest.raises(LineTooLongError):
        reader.feed(b"data: 0123456789\n" * 20)


def test_the_bound_is_per_event() -> None:
    reader = EventReader(max_event_bytes=20)
    assert len(reader.feed(b"data: 0123456789\n\n" * 50)) == 50
