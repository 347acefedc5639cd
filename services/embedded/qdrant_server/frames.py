"""The frames between the server and its workers: a header, and a body of parts, each a byte string with its length."""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence
from dataclasses import dataclass

_HEADER = struct.Struct("<IQB")
_LENGTH = struct.Struct("<I")


class FrameKind(enum.IntEnum):
    """What a frame is. The server sends the first three, a worker the others."""

    READ = 1
    """An RPC that changes nothing: its name, the request, and answers to what an earlier `NEED` asked for."""
    WRITE = 2
    """An RPC that changes the collection: its name and the request."""
    CONTROL = 3
    """A command of the server's own: its name."""
    ANSWER = 4
    """The response, and the worker's progress in JSON; nothing for a read."""
    REFUSAL = 5
    """A status code's name and the message."""
    NEED = 6
    """Pairs of a collection's name and a request for points of it. The read is to be sent again with the answers."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `call` is the number that an answer has in common with its question."""

    call: int
    kind: FrameKind
    parts: list[bytes]


def encode(call: int, kind: FrameKind, parts: Sequence[bytes]) -> bytes:
    """Return the bytes of a frame."""
    body = b"".join(item for part in parts for item in (_LENGTH.pack(len(part)), part))
    return _HEADER.pack(len(body), call, kind) + body


class Decoder:
    """Cuts frames out of a stream of bytes that arrives in pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> list[Frame]:
        """Take the next piece and return the frames that it completes."""
        self._buffer += piece
        frames: list[Frame] = []
        start = 0
        while len(self._buffer) - start >= _HEADER.size:
            length, call, kind = _HEADER.unpack_from(self._buffer, start)
            end = start + _HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append(Frame(call, FrameKind(kind), self._parts(start + _HEADER.size, end)))
            start = end
        del self._buffer[:start]
        return frames

    def _parts(self, start: int, end: int) -> list[bytes]:
        parts: list[bytes] = []
        while start < end:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            start += _LENGTH.size
            parts.append(bytes(self._buffer[start : start + length]))
            start += length
        return parts
