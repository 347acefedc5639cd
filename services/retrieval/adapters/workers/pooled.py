"""Finding and checking mentions in worker processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.kit.workers import WorkerPool
from services.language.detection import LANGUAGES
from services.retrieval.domain.graph.located import located
from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.values.chunk import Chunk
from services.retrieval.values.graph import Contribution


def warm() -> None:
    """Load what the languages need before the first work."""
    for language in LANGUAGES:
        language.key_terms.warm()


class PooledMentionFinder:
    """Finds mentions in a worker process, which starts with the first call; a call has `timeout` seconds."""

    def __init__(self, pool: WorkerPool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout

    async def find(self, chunks: Sequence[Chunk]) -> Contribution:
        """Read the chunks together, in one worker."""
        return await self._pool.run(find_mentions, tuple(chunks), timeout=self._timeout)

    async def located(self, answer: Mapping[str, object], text: str) -> Contribution:
        """Check the answer in a worker."""
        return await self._pool.run(located, dict(answer), text, timeout=self._timeout)
