"""Payload indexes: Qdrant's messages as Edge's parameters, and back."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge
from google.protobuf.message import Message
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.errors import not_served, serve_only, wrong_input

_TYPES = {
    pb.FieldType.FieldTypeKeyword: edge.PayloadSchemaType.Keyword,
    pb.FieldType.FieldTypeInteger: edge.PayloadSchemaType.Integer,
    pb.FieldType.FieldTypeFloat: edge.PayloadSchemaType.Float,
    pb.FieldType.FieldTypeGeo: edge.PayloadSchemaType.Geo,
    pb.FieldType.FieldTypeText: edge.PayloadSchemaType.Text,
    pb.FieldType.FieldTypeBool: edge.PayloadSchemaType.Bool,
    pb.FieldType.FieldTypeDatetime: edge.PayloadSchemaType.Datetime,
    pb.FieldType.FieldTypeUuid: edge.PayloadSchemaType.Uuid,
}
_PARAMS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "keyword_index_params": (edge.KeywordIndexParams, ("is_tenant", "on_disk", "enable_hnsw", "nested")),
    "integer_index_params": (
        edge.IntegerIndexParams,
        ("lookup", "range", "is_principal", "on_disk", "enable_hnsw", "nested"),
    ),
    "float_index_params": (edge.FloatIndexParams, ("is_principal", "on_disk", "enable_hnsw", "nested")),
    "geo_index_params": (edge.GeoIndexParams, ("on_disk", "enable_hnsw", "nested")),
    "bool_index_params": (edge.BoolIndexParams, ("on_disk", "enable_hnsw", "nested")),
    "datetime_index_params": (edge.DatetimeIndexParams, ("is_principal", "on_disk", "enable_hnsw", "nested")),
    "uuid_index_params": (edge.UuidIndexParams, ("is_tenant", "on_disk", "enable_hnsw", "nested")),
}
_TEXT_FIELDS = [
    "tokenizer",
    "lowercase",
    "min_token_len",
    "max_token_len",
    "on_disk",
    "phrase_matching",
    "ascii_folding",
    "enable_hnsw",
    "nested",
]
_TOKENIZERS = {
    pb.TokenizerType.Prefix: edge.TokenizerType.Prefix,
    pb.TokenizerType.Whitespace: edge.TokenizerType.Whitespace,
    pb.TokenizerType.Word: edge.TokenizerType.Word,
    pb.TokenizerType.Multilingual: edge.TokenizerType.Multilingual,
}
_SCHEMA_TYPES = (
    (edge.PayloadSchemaType.Keyword, pb.PayloadSchemaType.Keyword),
    (edge.PayloadSchemaType.Integer, pb.PayloadSchemaType.Integer),
    (edge.PayloadSchemaType.Float, pb.PayloadSchemaType.Float),
    (edge.PayloadSchemaType.Geo, pb.PayloadSchemaType.Geo),
    (edge.PayloadSchemaType.Text, pb.PayloadSchemaType.Text),
    (edge.PayloadSchemaType.Bool, pb.PayloadSchemaType.Bool),
    (edge.PayloadSchemaType.Datetime, pb.PayloadSchemaType.Datetime),
    (edge.PayloadSchemaType.Uuid, pb.PayloadSchemaType.Uuid),
)
"""Pairs, not a dict: Edge's enums can be compared but not hashed."""


def create_index(message: pb.CreateFieldIndexCollection) -> edge.UpdateOperation:
    """Return the operation that creates an index on a payload field."""
    if not message.field_name:
        raise wrong_input("field_name: must not be empty")
    kind = message.field_index_params.WhichOneof("index_params")
    if kind is not None:
        return edge.UpdateOperation.create_field_index(
            message.field_name, _params(kind, getattr(message.field_index_params, kind))
        )
    if not message.HasField("field_type"):
        raise wrong_input("field_type: must be set")
    return edge.UpdateOperation.create_field_index(message.field_name, _TYPES[message.field_type])


def _params(kind: str, message: Message) -> Any:
    if kind == "text_index_params":
        assert isinstance(message, pb.TextIndexParams)
        return _text(message)
    params, served = _PARAMS[kind]
    serve_only(message, served)
    return params(**_given(message))


def _text(message: pb.TextIndexParams) -> edge.TextIndexParams:
    serve_only(message, _TEXT_FIELDS)
    given = _given(message)
    if "tokenizer" in given:
        if message.tokenizer not in _TOKENIZERS:
            raise not_served(f"TextIndexParams.tokenizer {pb.TokenizerType.Name(message.tokenizer)}")
        given["tokenizer"] = _TOKENIZERS[message.tokenizer]
    return edge.TextIndexParams(**given)


def _given(message: Message) -> dict[str, Any]:
    return {field.name: value for field, value in message.ListFields()}


def schema_info(info: edge.PayloadIndexInfo) -> pb.PayloadSchemaInfo:
    """Return what a collection says about one of its indexes."""
    data_type = next(message for kind, message in _SCHEMA_TYPES if kind == info.data_type)
    return pb.PayloadSchemaInfo(data_type=data_type, points=info.points)
