"""An embedder, a reranker, a judge and a chat model without a service, for tests: they do as they are told."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import KW_ONLY, dataclass, field

from services.common.values import TokenUsage
from services.retrieval.values.chat import ChatFinish, ChatRequest, ServedModel, Verdict
from services.retrieval.values.chunk import QueryEmbedding


class FakeEmbedder:
    """Embeds a text as the histogram of its letters' codes: near texts share letters. With an error, raises it."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def embed_query(self, text: str) -> QueryEmbedding:
        """Embed a question as a passage is embedded."""
        (vector,) = await self.embed_passages([text], "letters")
        return QueryEmbedding("letters", vector)

    async def embed_passages(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        """Embed texts at 64 dimensions, whatever the model."""
        if self._error is not None:
            raise self._error
        return [_letters(text) for text in texts]


class FakeReranker:
    """Scores a text by the share of the question's words that it holds."""

    async def rerank(self, query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
        """Score texts; equal scores keep the order of the texts."""
        scores = [_share_held(query, text) for text in texts]
        return sorted(enumerate(scores), key=lambda scored: -scored[1])


@dataclass
class FakeJudge:
    """Says yes by the share of the question's words that a text holds. With an error, raises it."""

    model: str = "scripted"
    error: Exception | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def judge(self, question: str, text: str) -> Verdict:
        """Judge a text at 7 and 1 tokens."""
        self.asked.append((question, text))
        if self.error is not None:
            raise self.error
        return Verdict(_share_held(question, text), self.model, TokenUsage(7, 1))


@dataclass
class FakeChatModel:
    """Writes `pieces`, each after `delay` seconds, for ever when `endless`; then ends or raises `error`."""

    pieces: Sequence[str] = ()
    _: KW_ONLY
    error: Exception | None = None
    delay: float = 0.0
    endless: bool = False
    truncated: bool = False
    refused: bool = False
    thought: bool = False
    requests: list[ChatRequest] = field(default_factory=list)
    closed: bool = False
    """Whether its last stream has ended, by itself or because its reader left."""
    written: int = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[str | ChatFinish, None]:
        """Yield the pieces, then a finish of 10 and 5 tokens."""
        self.requests.append(request)
        try:
            while True:
                for piece in self.pieces:
                    await asyncio.sleep(self.delay)
                    self.written += 1
                    yield piece
                if not self.endless:
                    break
            if self.error is not None:
                raise self.error
            yield ChatFinish(TokenUsage(10, 5), request.model or "scripted", self.truncated, self.refused, self.thought)
        finally:
            self.closed = True


@dataclass(frozen=True)
class FakeModelDirectory:
    """Knows the models that it is made with. With an error, raises it."""

    models: Sequence[ServedModel] = ()
    error: Exception | None = None

    async def chat_models(self) -> list[ServedModel]:
        """Return the models."""
        if self.error is not None:
            raise self.error
        return list(self.models)


def _share_held(question: str, text: str) -> float:
    wanted = set(question.casefold().split())
    return len(wanted & set(text.casefold().split())) / max(1, len(wanted))


def _letters(text: str) -> list[float]:
    counts = [0.0] * 64
    for letter in text.casefold():
        counts[ord(letter) % 64] += 1.0
    norm = math.sqrt(sum(x * x for x in counts)) or 1.0
    return [x / norm for x in counts]
