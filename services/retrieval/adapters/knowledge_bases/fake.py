"""A knowledge base in memory, for tests: it does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace

from services.retrieval.values.chunk import OutsidePassage


@dataclass
class FakeKnowledgeBase:
    """Scores a passage by the share of the question's words that it holds; after `delay` seconds raises `error`."""

    passages: Sequence[OutsidePassage] = ()
    _: KW_ONLY
    name: str = "Handbook"
    error: Exception | None = None
    delay: float = 0.0
    questions: list[str] = field(default_factory=list)

    async def search(self, question: str, limit: int) -> list[OutsidePassage]:
        """Return the passages that share a word with the question."""
        self.questions.append(question)
        await asyncio.sleep(self.delay)
        if self.error is not None:
            raise self.error
        asked = set(question.casefold().split())
        scored = [
            replace(passage, score=len(asked & set(passage.text.casefold().split())) / max(1, len(asked)))
            for passage in self.passages
        ]
        found = [passage for passage in scored if passage.score]
        return sorted(found, key=lambda passage: -passage.score)[:limit]
