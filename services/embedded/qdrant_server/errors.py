"""Errors with the statuses and the messages of a Qdrant server."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import grpc
from google.protobuf.message import Message

from services.kit.disk_room import NO_ROOM

logger = logging.getLogger(__name__)

_WRONG_INPUT = (
    "Vector dimension error",
    "Not existing vector name error",
    "No range index for",
    "No appropriate index for",
    "Validation failed",
    "Type error",
    "Type Error",
    "Inference",
    "Wrong",
    "Bad",
    "Unable to",
    "Expected",
    "Malformed",
    "Payload type does not match",
    "Value is not",
    "Conversion between",
)
"""How the messages begin with which Edge (segment::OperationError) says that the request is wrong."""
_NO_ROOM_TEXT = os.strerror(errno.ENOSPC)
_NOT_FOUND = ("No point with id", "Not found")


class QdrantError(Exception):
    """A call that ends with `code` and `message` instead of an answer."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def wrong_input(message: str) -> QdrantError:
    """Return INVALID_ARGUMENT with a message in Qdrant's form."""
    return QdrantError(grpc.StatusCode.INVALID_ARGUMENT, f"Wrong input: {message}")


def not_found(message: str) -> QdrantError:
    """Return NOT_FOUND with a message in Qdrant's form."""
    return QdrantError(grpc.StatusCode.NOT_FOUND, f"Not found: {message}")


def not_served(what: str) -> QdrantError:
    """Return UNIMPLEMENTED with a message that names what the embedded server does not serve."""
    return QdrantError(
        grpc.StatusCode.UNIMPLEMENTED,
        f"{what} is not served by the embedded Qdrant Edge server; set TIKU_QDRANT_URL to use a Qdrant server",
    )


def disk_full() -> QdrantError:
    """Return RESOURCE_EXHAUSTED with a message that says that the disk is full."""
    return QdrantError(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "DISK_FULL: the volume of the data folder is full; reads go on, and so do writes once there is room again",
    )


def damaged_collection(name: str, folder: Path) -> QdrantError:
    """Return DATA_LOSS with a message that says what to do about a collection that cannot be loaded."""
    return QdrantError(
        grpc.StatusCode.DATA_LOSS,
        f"DAMAGED: collection {name!r} cannot be loaded: restore a backup; or stop the server, move {folder} away, and "
        "have what was in it indexed again, in Tiku with `tiku fsck --repair`",
    )


def is_exhausted(error: QdrantError) -> bool:
    """Return whether room of some kind was missing, which may come back by itself."""
    return error.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def serve_only(message: Message, fields: Iterable[str]) -> None:
    """Refuse a message that sets a field outside `fields`.

    Raises:
        QdrantError: UNIMPLEMENTED, naming message and field.
    """
    served = frozenset(fields)
    for field, _ in message.ListFields():
        if field.name not in served:
            raise not_served(f"{message.DESCRIPTOR.name}.{field.name}")


def from_edge(error: Exception) -> QdrantError:
    """Translate what Edge raised: a plain `Exception` with the engine's message, or a `ValueError`."""
    text = str(error)
    if (isinstance(error, OSError) and error.errno in NO_ROOM) or _NO_ROOM_TEXT in text:
        return disk_full()
    if text.startswith(_NOT_FOUND):
        return not_found(text.removeprefix("Not found: "))
    if isinstance(error, (ValueError, TypeError, OverflowError)) or text.startswith(_WRONG_INPUT):
        return wrong_input(text)
    logger.error("Qdrant Edge failed", exc_info=error)
    return QdrantError(grpc.StatusCode.INTERNAL, "Service internal error: the operation failed; see the server's log")
