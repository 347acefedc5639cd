"""Quantization: Qdrant's configurations as Edge's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.errors import not_served, serve_only, wrong_input

_RATIOS: Mapping[int, Any] = {
    pb.CompressionRatio.x4: edge.CompressionRatio.X4,
    pb.CompressionRatio.x8: edge.CompressionRatio.X8,
    pb.CompressionRatio.x16: edge.CompressionRatio.X16,
    pb.CompressionRatio.x32: edge.CompressionRatio.X32,
    pb.CompressionRatio.x64: edge.CompressionRatio.X64,
}


def quantization(message: pb.QuantizationConfig) -> Any:
    """Return how vectors are compressed.

    Raises:
        QdrantError: UNIMPLEMENTED for a kind or a setting that is not served.
    """
    kind = message.WhichOneof("quantization")
    if kind == "scalar":
        return _scalar(message.scalar)
    if kind == "product":
        serve_only(message.product, ("compression", "always_ram"))
        return edge.ProductQuantizationConfig(_RATIOS[message.product.compression], **_always_ram(message.product))
    if kind == "binary":
        serve_only(message.binary, ("always_ram",))
        return edge.BinaryQuantizationConfig(**_always_ram(message.binary))
    if kind is None:
        raise wrong_input("quantization_config: must be set")
    raise not_served(f"QuantizationConfig.{kind}")


def _scalar(message: pb.ScalarQuantization) -> edge.ScalarQuantizationConfig:
    serve_only(message, ("type", "quantile", "always_ram"))
    if message.type != pb.QuantizationType.Int8:
        raise wrong_input("ScalarQuantization.type: must be int8")
    options: dict[str, Any] = {"quantile": message.quantile} if message.HasField("quantile") else {}
    return edge.ScalarQuantizationConfig(edge.ScalarType.Int8, **options, **_always_ram(message))


def _always_ram(message: Any) -> dict[str, Any]:
    return {"always_ram": message.always_ram} if message.HasField("always_ram") else {}
