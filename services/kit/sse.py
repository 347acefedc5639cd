"""Server-sent events, decoded from bytes while they arrive.

The grammar is https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream. Two rules that no
stream of ours or of a chat provider needs are left out: the field `retry`, and an `id` that stays for the events after
it.
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
        self._ended_in_cr = False
        """A line feed that comes next belongs to it."""
        self._name = b""
        self._id = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    @property
    def is_between(self) -> bool:
        """Whether the last event is complete, and nothing came of the next one."""
        return not (self._tail or self._data or self._name or self._id or self._ended_in_cr)

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes; an event without data is dropped.

        Raises:
            EventTooLongError: an unfinished line or event is over the limit.
        """
        if not (self._tail or self._data) and (plain := self._plain(chunk)):
            return plain
        *lines, self._tail = (self._tail + self._with_line_feeds(chunk)).split(b"\n")
        if len(self._tail) > self._limit:
            raise EventTooLongError(f"a line is longer than {self._limit} bytes")
        events: list[Event] = []
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                events.append(self._finish())
            else:
                self._name = self._id = b""
        return events

    def close(self) -> list[Event]:
        """Return the event that the stream's end left without its blank line, if there is one.

        The specification drops it, and so may a caller. Some providers end `data: [DONE]` with nothing after it.
        """
        return self.feed(b"\n\n")

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """Return a chunk whose lines all end in line feeds; CR and LF of an end may come in two chunks."""
        if self._ended_in_cr and chunk:
            self._ended_in_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._ended_in_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _plain(self, chunk: bytes) -> list[Event]:
        """Return the events of a chunk that holds whole ones of one line of data each; none for any other chunk."""
        if not (chunk.startswith(b"data: ") and chunk.endswith(b"\n\n")) or b"\r" in chunk or len(chunk) > self._limit:
            return []
        values = chunk[6:-2].split(b"\n\ndata: ")
        if chunk.count(b"\n") != 2 * len(values) or self._name or self._id:
            return []
        return [Event("message", value, "") for value in values]

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if field == b"data":
            self._data_bytes += len(value)
            if self._data_bytes > self._limit:
                raise EventTooLongError(f"an event is longer than {self._limit} bytes")
            self._data.append(value)
        elif field == b"event":
            self._name = value
        elif field == b"id":
            self._id = value

    def _finish(self) -> Event:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        name, number = self._name, self._id
        event = Event(name.decode("utf-8", "replace") if name else "message", data, number.decode("utf-8", "replace"))
        self._data.clear()
        self._data_bytes = 0
        self._name = self._id = b""
        return event
