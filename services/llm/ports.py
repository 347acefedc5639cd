"""What the llm domain needs from outside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from services.llm.values.chat import ChatFinish, ChatRequest, Completion, TextDelta
from services.llm.values.relevance import EmbedKind, Ranking, Vectors


class ChatProvider(Protocol):
    """A server that answers chats.

    Both calls raise the errors of `services.llm.domain.faults` and nothing else of their own. Canceling a call, or
    closing a stream, closes the provider's connection at once, so that it stops writing.
    """

    async def complete(self, prompt: ChatRequest, timeout: float) -> Completion:
        """Return one whole answer within `timeout` seconds."""

    def stream(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[TextDelta | ChatFinish, None]:
        """Yield deltas as the model writes them, then exactly one `ChatFinish`, all within `timeout` seconds.

        A consumer that stops early has to close the generator (`contextlib.aclosing`).
        """


class Embedder(Protocol):
    """Turns texts into vectors of one model."""

    async def embed(self, texts: Sequence[str], kind: EmbedKind, timeout: float) -> Vectors:
        """Return one vector a text, in the order of the texts, within `timeout` seconds.

        A text that is longer than the model reads is cut at the model's limit.
        """


class Reranker(Protocol):
    """Scores documents against a query."""

    async def rerank(self, query: str, documents: Sequence[str], top_n: int, timeout: float) -> Ranking:
        """Return the `top_n` best documents (all for 0), best first, within `timeout` seconds."""
