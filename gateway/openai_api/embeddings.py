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

_KNOWN = frozenset({"model", "input", "encoding_format", "input_type", "dimensions"})
_MOST_TOKEN = 2**31 - 1
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
        p.check_known(parameters, _KNOWN, {})
        encoding = parameters.get("encoding_format", "float")
        if encoding not in ("float", "base64"):
            raise refused("encoding_format", "must be float or base64")
        kind = p.text(parameters, "input_type", "")
        if kind and kind not in _KINDS:
            raise refused("input_type", "must be query or passage")
        request = llm_pb2.EmbedRequest(
            model=p.text(parameters, "model", ""),
            kind=_KINDS[kind] if kind else llm_pb2.EMBED_KIND_UNSPECIFIED,
        )
        _set_input(request, parameters)
        if (dimensions := p.whole_number(parameters, "dimensions", 1, 65_536)) is not None:
            request.dimensions = dimensions
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


def _set_input(request: llm_pb2.EmbedRequest, parameters: Mapping[str, Any]) -> None:
    """Set what to embed: a text, a list of texts, the tokens of one, or a list of such lists."""
    given = parameters.get("input")
    if not isinstance(given, list) or not given or isinstance(given[0], str):
        request.texts.extend(p.texts(parameters, "input", single=True))
        return
    lists = {"input": given} if isinstance(given[0], int) else {f"input[{i}]": item for i, item in enumerate(given)}
    for path, tokens in lists.items():
        request.tokens.add(ids=_tokens(tokens, path))


def _tokens(given: Any, path: str) -> list[int]:
    if not isinstance(given, list) or not given:
        raise refused(path, "must be a string or a list of tokens", code="invalid_type")
    for index, token in enumerate(given):
        if isinstance(token, bool) or not isinstance(token, int) or not 0 <= token <= _MOST_TOKEN:
            raise refused(f"{path}[{index}]", "must be the number of a token", code="invalid_type")
    return given


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
