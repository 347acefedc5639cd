"""A Reranker without a model, for tests: the share of the query's words that a document has."""

from __future__ import annotations

from collections.abc import Sequence

from services.common.values import TokenUsage
from services.llm.values.relevance import Ranked, Ranking


class FakeReranker:
    """Scores by shared words; ties keep the order of the request."""

    async def rerank(self, query: str, documents: Sequence[str], top_n: int, timeout: float) -> Ranking:
        """Return the best documents, best first."""
        words = set(query.lower().split())
        scored = [
            Ranked(index, len(words & set(document.lower().split())) / max(1, len(words)))
            for index, document in enumerate(documents)
        ]
        scored.sort(key=lambda ranked: -ranked.score)
        return Ranking(scored[: top_n or None], TokenUsage())
