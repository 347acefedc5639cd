"""Embeddings and rankings come from the one model that is configured for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic

from services.kit.errors import FailedPrecondition
from services.llm.domain import faults
from services.llm.domain.calls import Backend, Calls, EngineT, ResultT
from services.llm.domain.routing import Served


@dataclass(frozen=True, slots=True)
class SingleModel(Generic[EngineT]):
    """Calls the one model of `backend`, or raises what `missing` makes where none is configured."""

    _backend: Backend[EngineT] | None
    _calls: Calls
    _missing: Callable[[], FailedPrecondition]

    @property
    def served(self) -> Served | None:
        """The model and its provider; None where none is configured."""
        return Served(self._backend.models[0], self._backend.name) if self._backend else None

    async def run(
        self, model: str, timeout: float, call: Callable[[EngineT, float], Awaitable[ResultT]]
    ) -> tuple[ResultT, str]:
        """Return the result of `call(engine, seconds left)` within `timeout` seconds, and the model's name.

        An empty `model` means the configured one; another name than that is `NotFound`.
        """
        if self._backend is None:
            raise self._missing()
        (name,) = self._backend.models
        if model not in ("", name):
            raise faults.model_not_found(model)
        deadline = asyncio.get_running_loop().time() + timeout
        result, _ = await self._calls.run([self._backend], name, deadline, call)
        return result, name


def no_embedder() -> FailedPrecondition:
    """Return the error of an embedding call where no embedder is configured."""
    return FailedPrecondition(
        "No embedding model is configured: set TIKU_EMBED_MODEL_PATH or TIKU_EMBED_BASE_URL.", reason="NO_EMBEDDER"
    )


def no_reranker() -> FailedPrecondition:
    """Return the error of a rerank call where no reranker is configured."""
    return FailedPrecondition(
        "No rerank model is configured: set TIKU_RERANK_BASE_URL and TIKU_RERANK_MODEL.", reason="NO_RERANK_PROVIDER"
    )
