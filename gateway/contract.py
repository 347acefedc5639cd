"""What the gateway serves, read from the generated descriptors: one `Operation` for each `google.api.http` rule."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import cast

from google.api import annotations_pb2, http_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

import tiku


class Shape(Enum):
    """How an RPC is carried over HTTP."""

    UNARY = "unary"
    """JSON in, JSON out."""
    EVENTS = "events"
    """JSON or query in, server-sent events out."""
    UPLOAD = "upload"
    """A file in, as a form or as the body; JSON out."""
    DOWNLOAD = "download"
    """Query in, a file's bytes out."""


@dataclass(frozen=True, slots=True)
class FileMessages:
    """The two fields of a stream whose first message describes a file and whose others carry its bytes."""

    description: FieldDescriptor
    chunk: FieldDescriptor


@dataclass(frozen=True, slots=True)
class Operation:
    """One RPC at one verb and path."""

    method: MethodDescriptor
    verb: str
    template: str
    body: str
    """"*" for the whole request, a field's name for that field, empty for no body."""
    request: type[Message]
    response: type[Message]
    shape: Shape

    @property
    def rpc(self) -> str:
        """The path of the RPC in gRPC."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def domain(self) -> str:
        """The name of the service that answers: llm, retrieval, docs or exercises."""
        return self.method.containing_service.file.package.split(".")[1]


def operations() -> list[Operation]:
    """List every operation of every service under the package `tiku`."""
    return [operation for service in _services() for method in service.methods for operation in _operations_of(method)]


def descriptor_of(message: Message | type[Message]) -> Descriptor:
    """Return the descriptor of a message, which the stubs know as one of two classes."""
    return cast(Descriptor, message.DESCRIPTOR)


def message_of(field: FieldDescriptor) -> Descriptor:
    """Return the descriptor of what a field of a message type holds."""
    return cast(Descriptor, field.message_type)


def file_messages(message: Descriptor) -> FileMessages | None:
    """Return the fields of a message that is a oneof of one description and one bytes field; None for another."""
    if len(message.oneofs) != 1 or len(message.fields) != 2:
        return None
    described = [f for f in message.fields if f.type == FieldDescriptor.TYPE_MESSAGE]
    chunks = [f for f in message.fields if f.type == FieldDescriptor.TYPE_BYTES]
    if len(described) != 1 or len(chunks) != 1:
        return None
    return FileMessages(described[0], chunks[0])


def _services() -> Iterator[ServiceDescriptor]:
    for module in sorted(pkgutil.walk_packages(tiku.__path__, "tiku."), key=lambda found: found.name):
        if module.name.endswith("_pb2"):
            yield from importlib.import_module(module.name).DESCRIPTOR.services_by_name.values()


def _operations_of(method: MethodDescriptor) -> Iterator[Operation]:
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return
    rule = options.Extensions[annotations_pb2.http]
    for binding in (rule, *rule.additional_bindings):
        yield _operation(method, binding)


def _operation(method: MethodDescriptor, rule: http_pb2.HttpRule) -> Operation:
    pattern = rule.WhichOneof("pattern")
    verb, template = (
        (rule.custom.kind, rule.custom.path) if pattern == "custom" else (pattern.upper(), getattr(rule, pattern))
    )
    return Operation(
        method=method,
        verb=verb,
        template=template,
        body=rule.body,
        request=message_factory.GetMessageClass(method.input_type),
        response=message_factory.GetMessageClass(method.output_type),
        shape=_shape(method),
    )


def _shape(method: MethodDescriptor) -> Shape:
    if method.client_streaming:
        if method.server_streaming or file_messages(method.input_type) is None:
            raise TypeError(f"{method.full_name}: only uploads of a described file can be client streams over HTTP")
        return Shape.UPLOAD
    if method.server_streaming:
        return Shape.EVENTS if file_messages(method.output_type) is None else Shape.DOWNLOAD
    return Shape.UNARY
