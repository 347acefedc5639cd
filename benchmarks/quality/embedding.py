"""The default embedding model in the benchmark's own process, one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.llm.adapters.local.frames import Ask
from services.llm.adapters.local.worker import load
from services.llm.values.local import Backend, Task
from services.retrieval.values.chunk import QueryEmbedding

MODEL = "multilingual-e5-small"
_BATCH_TEXTS = 8


class Model:
    """Embeds every text once; with a cache file, once for all runs. A ``ports.Embedder``."""

    def __init__(self, folder: Path, cache: Path | None = None, backend: Backend = Backend.ONNX) -> None:
        self._encode, self._dimension = load(folder, backend, Task.EMBED, 1)
        self._cache = cache
        self._known: dict[str, NDArray[np.float32]] = {}
        if cache is not None and cache.is_file():
            with np.load(cache) as kept:
                self._known = dict(zip(kept["texts"].tolist(), kept["vectors"], strict=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._cache is not None:
            np.savez(self._cache, texts=np.array(list(self._known)), vectors=np.stack(list(self._known.values())))

    def embed(self, prefix: str, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return one unit vector a text."""
        new = sorted({text for text in texts if prefix + text not in self._known}, key=len)
        for start in range(0, len(new), _BATCH_TEXTS):
            batch = new[start : start + _BATCH_TEXTS]
            reply = self._encode(Ask(kind=prefix.removesuffix(": "), texts=[*batch]), lambda: None)
            rows = np.frombuffer(reply.data, "<f4").reshape(-1, self._dimension)
            self._known.update(zip([prefix + text for text in batch], rows, strict=True))
        return [self._known[prefix + text] for text in texts]

    async def embed_query(self, text: str) -> QueryEmbedding:
        """Embed a question; see ``ports.Embedder``."""
        vectors = await asyncio.to_thread(self.embed, "query: ", [text])
        return QueryEmbedding(MODEL, vectors[0].tolist())

    async def embed_passages(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        """Embed texts to be found; see ``ports.Embedder``."""
        vectors = await asyncio.to_thread(self.embed, "passage: ", texts)
        return [vector.tolist() for vector in vectors]
