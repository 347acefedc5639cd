"""Server-sent events (WHATWG HTML, section 9.2) in a stream of bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its name, its data, and the id to resume after, "" if it has none."""

    name: str
    data: str
    id: str


async def events(pieces: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    """Yield the events in a stream that is cut anywhere, without comments and without an event that has no end."""
    decoder = _Decoder()
    buffer = b""
    async for piece in pieces:
        *lines, buffer = (buffer + piece).split(b"\n")
        for line in lines:
            event = decoder.take(line.removesuffix(b"\r").decode("utf-8"))
            if event is not None:
                yield event


class _Decoder:
    """Collects the fields of an event until the blank line that ends it."""

    def __init__(self) -> None:
        self._name = ""
        self._data: list[str] = []
        self._id = ""

    def take(self, line: str) -> Event | None:
        if not line:
            return self._finish()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "id":
                self._id = value
            case _:
                pass  # A comment (its field name is empty), or a field that later versions may add.
        return None

    def _finish(self) -> Event | None:
        event = Event(self._name or "message", "\n".join(self._data), self._id) if self._data else None
        self._name, self._data, self._id = "", [], ""
        return event
