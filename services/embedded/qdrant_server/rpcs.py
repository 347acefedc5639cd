"""The RPCs of Qdrant's `Points` service that one collection answers, and the parts of a request that say where to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.errors import wrong_input

READS: Mapping[str, type[Message]] = {
    "Get": pb.GetPoints,
    "Scroll": pb.ScrollPoints,
    "Count": pb.CountPoints,
    "Query": pb.QueryPoints,
    "QueryBatch": pb.QueryBatchPoints,
    "Search": pb.SearchPoints,
    "SearchBatch": pb.SearchBatchPoints,
    "Facet": pb.FacetCounts,
    "Recommend": pb.RecommendPoints,
    "RecommendBatch": pb.RecommendBatchPoints,
    "RecommendGroups": pb.RecommendPointGroups,
    "Discover": pb.DiscoverPoints,
    "DiscoverBatch": pb.DiscoverBatchPoints,
    "QueryGroups": pb.QueryPointGroups,
    "SearchGroups": pb.SearchPointGroups,
    "SearchMatrixPairs": pb.SearchMatrixPoints,
    "SearchMatrixOffsets": pb.SearchMatrixPoints,
}
"""RPCs that change nothing, and what each takes."""
WRITES: Mapping[str, type[Message]] = {
    "Upsert": pb.UpsertPoints,
    "Delete": pb.DeletePoints,
    "UpdateVectors": pb.UpdatePointVectors,
    "DeleteVectors": pb.DeletePointVectors,
    "SetPayload": pb.SetPayloadPoints,
    "OverwritePayload": pb.SetPayloadPoints,
    "DeletePayload": pb.DeletePayloadPoints,
    "ClearPayload": pb.ClearPayloadPoints,
    "CreateFieldIndex": pb.CreateFieldIndexCollection,
    "DeleteFieldIndex": pb.DeleteFieldIndexCollection,
    "UpdateBatch": pb.UpdateBatchPoints,
    "CreateVectorName": pb.CreateVectorNameRequest,
    "DeleteVectorName": pb.DeleteVectorNameRequest,
}
"""RPCs that change points, and what each takes."""

_OPTIONAL = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL


def parse(message: type[Message], request: bytes) -> Any:
    """Return a request's message.

    Raises:
        QdrantError: INVALID_ARGUMENT, the bytes are no such message.
    """
    try:
        return message.FromString(request)
    except DecodeError:
        raise wrong_input(f"the request is no {message.DESCRIPTOR.full_name}") from None


def envelope(message: type[Message]) -> type[Message]:
    """Return a message with those fields of `message` that the server itself needs: `collection_name` and `timeout`.

    Parsing the whole of a large request would hold the server up.
    """
    wanted = [field for field in message.DESCRIPTOR.fields if field.name in ("collection_name", "timeout")]
    name = f"{message.DESCRIPTOR.name}Envelope"
    file = descriptor_pb2.FileDescriptorProto(name=f"tiku/{name}.proto", package="tiku.envelopes", syntax="proto3")
    described = file.message_type.add(name=name)
    for field in wanted:
        described.field.add(name=field.name, number=field.number, type=field.type, label=_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tiku.envelopes.{name}"))
    return made
