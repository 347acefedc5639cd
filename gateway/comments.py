"""The comments of the contract, by the full name of what they describe; generated modules do not carry them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError

import tiku

_DESCRIPTORS = Path(tiku.__path__[0]) / "descriptors.binpb"


def load(path: Path = _DESCRIPTORS) -> dict[str, str]:
    """Return the comments of every message, field, enum, value, service and method of ours.

    There are none when the file is missing. Blocks: call it from a thread.
    """
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    except (OSError, DecodeError):
        return {}
    found: dict[str, str] = {}
    for file in files.file:
        if file.package.startswith("tiku."):
            found.update(_of_file(file))
    return found


def _of_file(file: descriptor_pb2.FileDescriptorProto) -> dict[str, str]:
    texts = {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in file.source_code_info.location
        if location.leading_comments
    }
    return {name: texts[path] for path, name in _names(file) if path in texts}


def _names(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield each path, as descriptor.proto numbers it, and the full name that it leads to."""
    yield from _of_messages(file.message_type, (4,), file.package)
    yield from _of_enums(file.enum_type, (5,), file.package)
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (6, index), name
        for position, method in enumerate(service.method):
            yield (6, index, 2, position), f"{name}.{method.name}"


def _of_messages(
    messages: Sequence[descriptor_pb2.DescriptorProto], path: tuple[int, ...], scope: str
) -> Iterator[tuple[tuple[int, ...], str]]:
    for index, message in enumerate(messages):
        here, name = (*path, index), f"{scope}.{message.name}"
        yield here, name
        for position, field in enumerate(message.field):
            yield (*here, 2, position), f"{name}.{field.name}"
        yield from _of_messages(message.nested_type, (*here, 3), name)
        yield from _of_enums(message.enum_type, (*here, 4), name)


def _of_enums(
    enums: Sequence[descriptor_pb2.EnumDescriptorProto], path: tuple[int, ...], scope: str
) -> Iterator[tuple[tuple[int, ...], str]]:
    for index, enum in enumerate(enums):
        here, name = (*path, index), f"{scope}.{enum.name}"
        yield here, name
        for position, value in enumerate(enum.value):
            # In protobuf a value is named beside its enum; here the enum's name tells equal values apart.
            yield (*here, 2, position), f"{name}.{value.name}"
