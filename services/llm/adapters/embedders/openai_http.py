"""Embeddings from any server that speaks OpenAI's `/embeddings`.

https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from services.common.values import TokenUsage
from services.kit.concurrency import gather
from services.llm.adapters.http import ProviderClient
from services.llm.domain import faults
from services.llm.values.relevance import EmbedInput, EmbedKind, Vectors

_BATCH_TEXTS = 64
_MOST_BATCHES = 4
_MAX_BODY_BYTES = 64 << 20

_E5 = re.compile(r"(^|[/_-])e5-(small|base|large)", re.IGNORECASE)
"""The family that wants `query: ` and `passage: ` before a text (https://huggingface.co/intfloat/multilingual-e5-small)."""


class _WireEmbedding(msgspec.Struct):
    """One vector; base64 of float32 where the server honors `encoding_format`, numbers where it does not."""

    embedding: str | list[float]
    index: int


class _WireEmbeddings(msgspec.Struct):
    data: list[_WireEmbedding]
    usage: TokenUsage | None = None


_decode = msgspec.json.Decoder(_WireEmbeddings).decode


@dataclass(frozen=True, slots=True)
class OpenAiHttpEmbedder:
    """An Embedder over HTTP; vectors are brought to unit length whatever the server sends."""

    _client: ProviderClient
    _model: str

    async def embed(
        self, texts: Sequence[EmbedInput], kind: EmbedKind, timeout: float, dimensions: int | None = None
    ) -> Vectors:
        """Return one vector a text, in order, within `timeout` seconds; the server decides on tokens and dimensions."""
        if _E5.search(self._model):
            texts = [f"{kind.value}: {text}" if isinstance(text, str) else text for text in texts]
        deadline = asyncio.get_running_loop().time() + timeout

        async def embed(start: int) -> tuple[np.ndarray, TokenUsage]:
            left = max(0.001, deadline - asyncio.get_running_loop().time())
            return await self._batch(texts[start : start + _BATCH_TEXTS], left, dimensions)

        batches = await gather(map(embed, range(0, len(texts), _BATCH_TEXTS)), _MOST_BATCHES)
        rows = [matrix for matrix, _ in batches]
        if len({matrix.shape[1] for matrix in rows}) != 1:
            raise faults.bad_response(self._client.name, "embeddings of different dimensions")
        usage = sum((usage for _, usage in batches), TokenUsage())
        return Vectors(b"".join(matrix.tobytes() for matrix in rows), rows[0].shape[1], usage)

    async def _batch(
        self, texts: Sequence[EmbedInput], timeout: float, dimensions: int | None
    ) -> tuple[np.ndarray, TokenUsage]:
        body: dict[str, Any] = {"model": self._model, "input": texts, "encoding_format": "base64"}
        if dimensions is not None:
            body["dimensions"] = dimensions
        answer = await self._client.post_for("/embeddings", body, timeout, _decode, _MAX_BODY_BYTES)
        ordered = sorted(answer.data, key=lambda item: item.index)
        if [item.index for item in ordered] != list(range(len(texts))):
            raise faults.bad_response(self._client.name, "not one embedding a text")
        try:
            matrix = np.stack([_vector(item.embedding) for item in ordered])
        except ValueError as error:  # Of base64 as well, and of vectors that differ in length.
            raise faults.bad_response(self._client.name, error) from error
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        if not matrix.shape[1] or not np.isfinite(lengths).all() or not lengths.all():
            raise faults.bad_response(self._client.name, "an embedding without direction")
        return (matrix / lengths).astype("<f4"), answer.usage or TokenUsage()


def _vector(value: str | list[float]) -> np.ndarray:
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), "<f4")
    return np.array(value, "<f4")
