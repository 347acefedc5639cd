"""Reading passages in worker processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.kit.concurrency import give_way, map_in_turns
from services.kit.workers import WorkerPool
from services.language.detection import LANGUAGES
from services.language.search_terms import search_terms
from services.retrieval.domain.graph.located import located
from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.domain.search.bm25 import passage_vector, passage_vectors
from services.retrieval.values.chunk import Chunk, SparseVector
from services.retrieval.values.graph import Contribution

_GIVE_WAY_SECONDS = 0.1
_WORDS_SECONDS = 60.0
"""Most that the words of one request's chunks may take: a thousand chunks take a second, and a start two."""
_FEW_CHARACTERS = 4_000
"""Texts of so many characters together are read on the loop, in turns: it takes a few milliseconds, and a process of
its own is not worth its start to those who store a page now and then."""


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


def warm_words() -> None:
    """Load the dictionaries that the first Chinese text needs."""
    search_terms("詞")


class PooledWordReader:
    """Reads words in a worker process, which starts with the first call that is worth it."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    async def vectors(self, texts: Sequence[str]) -> list[SparseVector]:
        """Read the texts together, in one worker."""
        if sum(map(len, texts)) <= _FEW_CHARACTERS:
            return await map_in_turns(passage_vector, texts, 1, aside=True)
        await give_way(_GIVE_WAY_SECONDS)
        return await self._pool.run(passage_vectors, tuple(texts), timeout=_WORDS_SECONDS)
