"""Reading passages in this process: for tests, and for trying the service without worker processes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from services.retrieval.domain.graph.located import located
from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.domain.search.bm25 import passage_vectors
from services.retrieval.values.chunk import Chunk, SparseVector
from services.retrieval.values.graph import Contribution


class FakeMentionFinder:
    """Finds mentions in a thread."""

    async def find(self, chunks: Sequence[Chunk]) -> Contribution:
        """Read the chunks together."""
        return await asyncio.to_thread(find_mentions, chunks)

    async def located(self, answer: Mapping[str, object], text: str) -> Contribution:
        """Check the answer in a thread."""
        return await asyncio.to_thread(located, answer, text)


class FakeWordReader:
    """Reads words in a thread."""

    async def vectors(self, texts: Sequence[str]) -> list[SparseVector]:
        """Read all texts."""
        return await asyncio.to_thread(passage_vectors, texts)
