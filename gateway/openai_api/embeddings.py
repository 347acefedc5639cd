"""`POST /v1/embeddings`."""

from __future__ import annotations

import array
import asyncio
import base64
import sys
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.exchange import Exchange
from gateway.openai_api import parameters as p
from gateway.openai_api.errors import refused
from gateway.settings import GatewaySettings
from gateway.transcoding import LARGE_BYTES
from gateway.upstream import Upstream
from tiku.llm.v1 import llm_pb2

_KNOWN = frozenset({"model", "input", "encoding_format", "input_type"})
_KINDS = {
    "query": llm_pb2.EMBED_KIND_QUERY,
    "passage": llm_pb2.EMBED_KIND_PASSAGE,
    "search_query": llm_pb2.EMBED_KIND_QUERY,
    "search_document": llm_pb2.EMBED_KIND_PASSAGE,
}
"""Values of `input_type`, an extension: asymmetric models embed questions and passages differently."""


class Embeddings:
    """Serves embeddings."""

    def __init__(self, upstream: Upstream, settings: GatewaySettings) -> None:
        self._embed = upstream.unary("llm", "/tiku.llm.v1.LlmService/Embed")
        self._settings = settings

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Answer one request."""
        exchange.set_deadline(self._settings.unary_timeout_seconds)
        parameters = await p.read_parameters(exchange, self._settings.max_json_bytes)
        p.check_known(parameters, _KNOWN, {"dimensions": None})
        encoding = parameters.get("encoding_format", "float")
        if encoding not in ("float", "base64"):
            raise refused("encoding_format", "must be float or base64")
        kind = parameters.get("input_type")
        if kind is not None and kind not in _KINDS:
            raise refused("input_type", "must be query or passage")
        request = llm_pb2.EmbedRequest(
            model=p.text(parameters, "model", ""),
            kind=_KINDS[kind] if kind else llm_pb2.EMBED_KIND_UNSPECIFIED,
            texts=p.texts(parameters, "input", single=True),
        )
        call = self._embed(
            request.SerializeToString(),
            timeout=exchange.time_left(),
        )
        raw = await exchange.result_of(call)
        as_base64 = encoding == "base64"
        if len(raw) > LARGE_BYTES:
            body = await asyncio.to_thread(_body, raw, as_base64)
        else:
            body = _body(raw, as_base64)
        await exchange.respond(200, body)


def _body(raw: bytes, as_base64: bool) -> bytes:
    response = llm_pb2.EmbedResponse.FromString(raw)
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": _base64(embedding.values) if as_base64 else list(embedding.values),
        }
        for index, embedding in enumerate(response.embeddings)
    ]
    counted = {"prompt_tokens": response.usage.prompt_tokens, "total_tokens": response.usage.total_tokens}
    return orjson.dumps({"object": "list", "data": data, "model": response.model, "usage": counted})


def _base64(values: Any) -> str:
    """Return the components as little-endian float32, in base64."""
    packed = array.array("f", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode()
