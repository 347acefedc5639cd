"""Server-sent events, decoded from bytes while they arrive.

The grammar is https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream. Three rules that
no stream of ours or of a chat provider needs are left out: a lone CR as the end of a line, the field `retry`, and an
`id` that stays for the events after it.
"""

from __future__ import annotations

from typing import NamedTuple


class Event(NamedTuple):
    """One event."""

    name: str
    """`message` where the stream names none."""
    data: bytes
    """The values of its data fields, joined by line feeds."""
    id: str
    """Empty where the stream gives none."""


class EventTooLongError(ValueError):
    """A line or an event is longer than the decoder may keep."""


class EventDecoder:
    """Cuts a stream of bytes into events, and keeps at most `max_event_bytes` of a line and of an event's data."""

    def __init__(self, max_event_bytes: int = 1 << 20) -> None:
        self._limit = max_event_bytes
        self._tail = b""
        self._name = b""
        self._id = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes; an event without data is dropped.

        Raises:
            EventTooLongError: an unfinished line or event is over the limit.
        """
        *lines, self._tail = (self._tail + chunk).split(b"\n")
        if len(self._tail) > self._limit:
            raise EventTooLongError(f"a line is longer than {self._limit} bytes")
        events: list[Event] = []
        for line in lines:
            line = line.removesuffix(b"\r")
            if line:
                self._take(line)
            elif event := self._finish():
                events.append(event)
        return events

    def close(self) -> list[Event]:
        """Return the event that the stream's end left without its blank line, if there is one.

        The specification drops it, and so may a caller. Some providers end `data: [DONE]` with nothing after it.
        """
        return self.feed(b"\n\n")

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data_bytes += len(value)
            if self._data_bytes > self._limit:
                raise EventTooLongError(f"an event is longer than {self._limit} bytes")
            self._data.append(value)
        elif field == b"event":
            self._name = value
        elif field == b"id":
            self._id = value

    def _finish(self) -> Event | None:
        event = None
        if self._data:
            name = self._name.decode("utf-8", "replace") if self._name else "message"
            event = Event(name, b"\n".join(self._data), self._id.decode("utf-8", "replace") if self._id else "")
            self._data.clear()
            self._data_bytes = 0
        self._name = self._id = b""
        return event
