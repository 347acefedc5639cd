"""Embeddings and rankings from the one model that is configured for each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from services.kit.errors import FailedPrecondition
from services.llm.domain import faults
from services.llm.domain.admission import Admission
from services.llm.domain.calls import Calls
from services.llm.ports import Embedder, Reranker
from services.llm.values.chat import Usage
from services.llm.values.ranking import Ranking
from services.llm.values.vectors import EmbedKind, Vectors


@dataclass(frozen=True, slots=True)
class EmbedBackend:
    """Where embeddings come from, and its gate."""

    name: str
    embedder: Embedder
    admission: Admission


@dataclass(frozen=True, slots=True)
class RerankBackend:
    """Where rankings come from, and its gate."""

    name: str
    reranker: Reranker
    admission: Admission


class Embeddings:
    """Embeds texts, or says that nothing is configured to."""

    def __init__(self, backend: EmbedBackend | None, calls: Calls) -> None:
        self.backend = backend
        self._calls = calls

    async def embed(self, model: str, texts: Sequence[str], kind: EmbedKind, timeout: float) -> tuple[Vectors, str]:
        """One vector a text, in order, within `timeout` seconds, and the model's name."""
        if self.backend is None:
            raise FailedPrecondition(
                "No embedding model is configured: set TIKU_EMBED_MODEL_PATH or TIKU_EMBED_BASE_URL.",
                reason="NO_EMBEDDER",
            )
        name = self.backend.embedder.model
        if model not in ("", name):
            raise faults.model_not_found(model)

        async def call(backend: EmbedBackend, left: float) -> tuple[Vectors, Usage]:
            vectors = await backend.embedder.embed(texts, kind, left)
            return vectors, vectors.usage

        deadline = asyncio.get_running_loop().time() + timeout
        vectors, _ = await self._calls.run([self.backend], name, deadline, call)
        return vectors, name


class Rankings:
    """Ranks documents, or says that nothing is configured to."""

    def __init__(self, backend: RerankBackend | None, calls: Calls) -> None:
        self.backend = backend
        self._calls = calls

    async def rerank(
        self, model: str, query: str, documents: Sequence[str], top_n: int, timeout: float
    ) -> tuple[Ranking, str]:
        """The `top_n` best documents (all for 0) within `timeout` seconds, and the model's name."""
        if self.backend is None:
            raise FailedPrecondition(
                "No rerank model is configured: set TIKU_RERANK_BASE_URL and TIKU_RERANK_MODEL.",
                reason="NO_RERANK_PROVIDER",
            )
        name = self.backend.reranker.model
        if model not in ("", name):
            raise faults.model_not_found(model)

        async def call(backend: RerankBackend, left: float) -> tuple[Ranking, Usage]:
            ranking = await backend.reranker.rerank(query, documents, top_n, left)
            return ranking, ranking.usage

        deadline = asyncio.get_running_loop().time() + timeout
        ranking, _ = await self._calls.run([self.backend], name, deadline, call)
        return ranking, name
