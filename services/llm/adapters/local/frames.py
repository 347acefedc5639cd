"""What the service and the process of a local model say to each other: length-prefixed MessagePack on two pipes."""

from __future__ import annotations

import struct
from asyncio import StreamReader
from typing import BinaryIO

import msgspec

from services.llm.domain.batching import Text

_LENGTH = struct.Struct("<I")


class Ask(msgspec.Struct, tag=True):
    """Texts to encode, for the kind of prompt that the model puts in front."""

    kind: str
    texts: list[Text]


class Ready(msgspec.Struct, tag=True):
    """The model is loaded and warm."""

    dimension: int
    """How many numbers a text gets."""


class Reply(msgspec.Struct, tag=True):
    """A float32 row for each text, one after another, and the tokens that were read; `kind` is that of the ask."""

    kind: str
    data: bytes
    tokens: int


class Refusal(msgspec.Struct, tag=True):
    """The work failed in a way that leaves the worker usable; `error` is for the log.

    `kind` is that of the ask, empty where the model cannot be loaded.
    """

    kind: str
    error: str


_encode = msgspec.msgpack.Encoder().encode
_decode_ask = msgspec.msgpack.Decoder(Ask).decode
_decode_reply = msgspec.msgpack.Decoder(Ready | Reply | Refusal).decode


def pack(message: Ask | Ready | Reply | Refusal) -> bytes:
    """Return a message as it goes over the pipe."""
    body = _encode(message)
    return _LENGTH.pack(len(body)) + body


async def read_reply(reader: StreamReader) -> Ready | Reply | Refusal:
    """Return the worker's next message.

    Raises:
        asyncio.IncompleteReadError: the worker ended.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    reply: Ready | Reply | Refusal = _decode_reply(await reader.readexactly(length))
    return reply


def read_ask(pipe: BinaryIO) -> Ask | None:
    """Return the service's next message; None when the service closed the pipe."""
    head = _exactly(pipe, _LENGTH.size)
    body = head and _exactly(pipe, _LENGTH.unpack(head)[0])
    return _decode_ask(body) if body else None


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    """Return `size` bytes of a pipe that has no buffer; none where it ends before."""
    data = b""
    while len(data) < size:
        if not (part := pipe.read(size - len(data))):
            return b""
        data += part
    return data
