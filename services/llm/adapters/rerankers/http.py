"""Rerank over HTTP in the shape that Cohere and Jina share and llama.cpp, vLLM and Infinity serve.

https://docs.cohere.com/reference/rerank, https://jina.ai/reranker
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from services.common.values import TokenUsage
from services.llm.adapters.http import ProviderClient
from services.llm.domain import faults
from services.llm.values.relevance import Ranked, Ranking

_MAX_BODY_BYTES = 16 << 20


class _WireRanked(msgspec.Struct):
    index: int
    relevance_score: float


class _WireUsage(msgspec.Struct):
    """Jina counts all tokens together; llama.cpp adds `prompt_tokens`; Cohere counts none here."""

    prompt_tokens: int | None = None
    total_tokens: int = 0


class _WireRanking(msgspec.Struct):
    results: list[_WireRanked]
    usage: _WireUsage | None = None


_decode = msgspec.json.Decoder(_WireRanking).decode


@dataclass(frozen=True, slots=True)
class HttpReranker:
    """A Reranker over HTTP."""

    _client: ProviderClient
    _model: str

    async def rerank(self, query: str, documents: Sequence[str], top_n: int, timeout: float) -> Ranking:
        """Return the best documents, best first, within `timeout` seconds."""
        most = min(top_n or len(documents), len(documents))
        body = {"model": self._model, "query": query, "documents": documents, "top_n": most, "return_documents": False}
        answer = await self._client.post_for("/rerank", body, timeout, _decode, _MAX_BODY_BYTES)
        scores = {item.index: item.relevance_score for item in answer.results}
        if len(scores) != len(answer.results) or not all(
            0 <= index < len(documents) and math.isfinite(score) for index, score in scores.items()
        ):
            raise faults.bad_response(self._client.name, "a ranking of documents that were not sent")
        best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:most]
        usage = answer.usage or _WireUsage()
        tokens = usage.total_tokens if usage.prompt_tokens is None else usage.prompt_tokens
        return Ranking([Ranked(index, score) for index, score in best], TokenUsage(prompt_tokens=tokens))
