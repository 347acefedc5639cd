"""Server-sent events, read as bytes while they arrive.

The grammar is https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream, less two
things that no chat provider sends: a lone CR as line end and the reconnection fields `id` and `retry`.
"""

from __future__ import annotations


class LineTooLongError(ValueError):
    """A line or an event is longer than the reader keeps."""


class EventReader:
    """Cuts a byte stream into the `data` of its events, holding at most `max_event_bytes` of it."""

    def __init__(self, max_event_bytes: int = 1 << 20) -> None:
        self._limit = max_event_bytes
        self._tail = b""
        self._data: list[bytes] = []
        self._event_bytes = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of every event that `chunk` completes.

        Raises:
            LineTooLongError: an unfinished line or event outgrew the limit.
        """
        lines = (self._tail + chunk).split(b"\n")
        self._tail = lines.pop()
        if len(self._tail) > self._limit:
            raise LineTooLongError(f"a line is longer than {self._limit} bytes")
        events: list[bytes] = []
        for line in lines:
            if line.endswith(b"\r"):
                line = line[:-1]
            if not line:
                if self._data:
                    events.append(self._take())
            elif line.startswith(b"data:"):
                value = line[6:] if line[5:6] == b" " else line[5:]
                self._event_bytes += len(value)
                if self._event_bytes > self._limit:
                    raise LineTooLongError(f"an event is longer than {self._limit} bytes")
                self._data.append(value)
        return events

    def close(self) -> list[bytes]:
        """Return the event that the stream's end left without its blank line, if there is one.

        The specification drops it; some providers end `data: [DONE]` with nothing after it.
        """
        return self.feed(b"\n\n") if self._tail or self._data else []

    def _take(self) -> bytes:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data = []
        self._event_bytes = 0
        return data
