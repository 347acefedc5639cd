"""Rerank over HTTP, in any dialect of `services.llm.adapters.rerankers.dialects`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.common.values import TokenUsage
from services.kit.concurrency import gather
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.rerankers.dialects import WIRES, Score
from services.llm.domain import faults
from services.llm.values.relevance import Ranked, Ranking, RerankDialect

_MAX_BODY_BYTES = 16 << 20
_AT_ONCE = 4
"""Requests of one call that are sent at once, where a server takes fewer documents than the call has."""


@dataclass(frozen=True, slots=True)
class HttpReranker:
    """A Reranker over HTTP."""

    _client: ProviderClient
    _model: str
    _dialect: RerankDialect = "jina"

    async def rerank(self, query: str, documents: Sequence[str], top_n: int, timeout: float) -> Ranking:
        """Return the best documents, best first, within `timeout` seconds."""
        most = min(top_n or len(documents), len(documents))
        deadline = asyncio.get_running_loop().time() + timeout
        step = WIRES[self._dialect].most_documents

        async def score(start: int) -> tuple[list[Score], int]:
            left = max(0.001, deadline - asyncio.get_running_loop().time())
            scores, tokens = await self._score(query, documents[start : start + step], most, left)
            return [(start + index, value) for index, value in scores], tokens

        parts = await gather(map(score, range(0, len(documents), step)), _AT_ONCE)
        best = sorted((scored for scores, _ in parts for scored in scores), key=lambda item: (-item[1], item[0]))
        usage = TokenUsage(prompt_tokens=sum(tokens for _, tokens in parts))
        return Ranking([Ranked(index, score) for index, score in best[:most]], usage)

    async def _score(self, query: str, documents: Sequence[str], most: int, timeout: float) -> tuple[list[Score], int]:
        """Return the scores that one request gets, and the tokens that were read for it."""
        wire = WIRES[self._dialect]
        body = wire.body(self._model, query, documents, min(most, len(documents)))
        scores, tokens = await self._client.post_for(wire.path, body, timeout, wire.read, _MAX_BODY_BYTES)
        if len(dict(scores)) != len(scores) or not all(
            0 <= index < len(documents) and math.isfinite(value) for index, value in scores
        ):
            raise faults.bad_response(self._client.name, "a ranking of documents that were not sent")
        return scores, tokens
