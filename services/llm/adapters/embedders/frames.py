"""What the embedding service and its worker process say to each other: length-prefixed MessagePack on two pipes."""

from __future__ import annotations

import struct
from asyncio import StreamReader
from typing import BinaryIO

import msgspec

_LENGTH = struct.Struct("<I")


class EmbedAsk(msgspec.Struct, tag=True):
    """Texts to embed, for the kind of prompt that the model puts in front."""

    kind: str
    texts: list[str]


class EmbedReady(msgspec.Struct, tag=True):
    """The model is loaded and warm."""

    dimension: int


class EmbedReply(msgspec.Struct, tag=True):
    """One float32 vector a text, row after row, and the tokens that were read; `kind` is that of the ask."""

    kind: str
    data: bytes
    tokens: int


class EmbedRefusal(msgspec.Struct, tag=True):
    """The work failed in a way that leaves the worker usable; `error` is for the log.

    `kind` is that of the ask, empty where the model cannot be loaded.
    """

    kind: str
    error: str


_encode = msgspec.msgpack.Encoder().encode
_decode_ask = msgspec.msgpack.Decoder(EmbedAsk).decode
_decode_reply = msgspec.msgpack.Decoder(EmbedReady | EmbedReply | EmbedRefusal).decode


def pack(message: EmbedAsk | EmbedReady | EmbedReply | EmbedRefusal) -> bytes:
    """Return a message as it goes over the pipe."""
    body = _encode(message)
    return _LENGTH.pack(len(body)) + body


async def read_reply(reader: StreamReader) -> EmbedReady | EmbedReply | EmbedRefusal:
    """Return the worker's next message.

    Raises:
        asyncio.IncompleteReadError: the worker ended.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    reply: EmbedReady | EmbedReply | EmbedRefusal = _decode_reply(await reader.readexactly(length))
    return reply


def read_ask(pipe: BinaryIO) -> EmbedAsk | None:
    """Return the service's next message; None when the service closed the pipe."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    return _decode_ask(pipe.read(_LENGTH.unpack(head)[0]))
