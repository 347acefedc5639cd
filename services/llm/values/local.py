"""Models on this machine: what they are for, and what runs them."""

from __future__ import annotations

from enum import StrEnum


class Backend(StrEnum):
    """What runs a model."""

    ONNX = "onnx"
    """ONNX Runtime, on the processor."""
    TORCH = "torch"
    """sentence-transformers, on a GPU where torch sees one."""


class Task(StrEnum):
    """What a model is for."""

    EMBED = "embed"
    RERANK = "rerank"

    @property
    def model(self) -> str:
        """What messages call a model of this task."""
        return "embedding model" if self is Task.EMBED else "rerank model"

    @property
    def engine(self) -> str:
        """How the reasons of its errors begin."""
        return "EMBEDDER" if self is Task.EMBED else "RERANKER"
