"""`POST /v1/rerank`, in the form that Cohere and Jina share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.exchange import Exchange
from gateway.openai_api import parameters as p
from gateway.openai_api.errors import refused
from gateway.settings import GatewaySettings
from gateway.upstream import Upstream
from services.kit.ids import new_id
from tiku.llm.v1 import llm_pb2

_KNOWN = frozenset({"model", "query", "documents", "top_n", "return_documents"})


class Rerank:
    """Serves reranking."""

    def __init__(self, upstream: Upstream, settings: GatewaySettings) -> None:
        self._rerank = upstream.unary("llm", "/tiku.llm.v1.LlmService/Rerank")
        self._settings = settings

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Answer one request."""
        exchange.set_deadline(self._settings.unary_timeout_seconds)
        parameters = await p.read_parameters(exchange, self._settings.max_json_bytes)
        p.check_known(parameters, _KNOWN, {})
        documents = _documents(parameters)
        return_documents = p.truth(parameters, "return_documents")
        request = llm_pb2.RerankRequest(
            model=p.text(parameters, "model", ""),
            query=p.text(parameters, "query"),
            documents=documents,
            top_n=p.whole_number(parameters, "top_n", 1, 2**31 - 1) or 0,
        )
        call = self._rerank(
            request.SerializeToString(),
            timeout=exchange.time_left(),
        )
        response = llm_pb2.RerankResponse.FromString(await exchange.result_of(call))
        results: list[dict[str, Any]] = []
        for ranked in response.results:
            result: dict[str, Any] = {"index": ranked.index, "relevance_score": ranked.score}
            if return_documents:
                result["document"] = {"text": documents[ranked.index]}
            results.append(result)
        body = {
            "id": f"rerank-{new_id()}",
            "object": "list",
            "model": response.model,
            "results": results,
            "usage": {"total_tokens": response.usage.total_tokens},
        }
        await exchange.respond(200, orjson.dumps(body))


def _documents(parameters: Mapping[str, Any]) -> list[str]:
    """Return the texts; Cohere's clients may wrap each in an object with a `text`."""
    given = parameters.get("documents")
    if isinstance(given, list):
        given = [item.get("text") if isinstance(item, dict) else item for item in given]
    if given == []:
        raise refused("documents", "must not be empty")
    return p.texts({"documents": given} if given is not None else {}, "documents", single=False)
