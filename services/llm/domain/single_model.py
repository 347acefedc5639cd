"""Embeddings and rankings come from the one model that is configured for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from services.common.values import TokenUsage
from services.kit.errors import FailedPrecondition
from services.llm.domain import faults
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.calls import Calls


class Engine(Protocol):
    """An embedder or a reranker."""

    @property
    def model(self) -> str:
        """The name of its model."""


class Counted(Protocol):
    """A result that says what it cost."""

    @property
    def usage(self) -> TokenUsage:
        """The tokens that the call consumed."""


EngineT = TypeVar("EngineT", bound=Engine)
ResultT = TypeVar("ResultT", bound=Counted)


@dataclass(frozen=True, slots=True)
class ModelBackend(Generic[EngineT]):
    """A provider's name, its model and the gate in front of it."""

    name: str
    engine: EngineT
    bulkhead: Bulkhead


class SingleModel(Generic[EngineT]):
    """Calls the configured model, or says that none is configured.

    Args:
        backend: the model; None where none is configured.
        calls: what every call goes through.
        missing: the error of a call without a model.
    """

    def __init__(self, backend: ModelBackend[EngineT] | None, calls: Calls, missing: FailedPrecondition) -> None:
        self.backend = backend
        self._calls = calls
        self._missing = missing

    async def run(
        self, model: str, timeout: float, call: Callable[[EngineT, float], Awaitable[ResultT]]
    ) -> tuple[ResultT, str]:
        """Return the result of `call(engine, seconds left)` within `timeout` seconds, and the model's name.

        Raises:
            FailedPrecondition: no model is configured.
            NotFound: `model` names another one; an empty name means the configured one.
        """
        if self.backend is None:
            raise self._missing
        name = self.backend.engine.model
        if model not in ("", name):
            raise faults.model_not_found(model)

        async def counted(backend: ModelBackend[EngineT], left: float) -> tuple[ResultT, TokenUsage]:
            result = await call(backend.engine, left)
            return result, result.usage

        deadline = asyncio.get_running_loop().time() + timeout
        result, _ = await self._calls.run([self.backend], name, deadline, counted)
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
