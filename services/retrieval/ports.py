"""What the domain needs from outside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.retrieval.passage import Chunk, EmbeddedChunk, Hit


class VectorStore(Protocol):
    """Chunks with their vectors, kept apart by owner and by embedding model.

    Nothing of one owner is ever seen, replaced or removed by another. What a call confirmed, the next call
    finds. Errors are ``services.kit.errors``: Unavailable when the store does not answer, DeadlineExceeded
    when it answers too late.
    """

    async def upsert(self, model: str, owner: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """Store chunks whose vectors come from ``model`` and share one dimension; an id that is known is replaced."""

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove a document's chunks under every model; removing what is not there succeeds."""

    async def search(
        self, model: str, vector: Sequence[float], owner: str, document_ids: Sequence[str], limit: int
    ) -> list[Hit]:
        """Return the nearest chunks by cosine, best first; no ``document_ids`` means all that the owner has."""

    async def count(self, owner: str, document_ids: Sequence[str]) -> list[int]:
        """Return how many chunks each of the documents has; 0 for one that is not there."""

    async def read(self, owner: str, positions: Mapping[str, Sequence[int]]) -> list[Chunk]:
        """Return chunks by document id and ordinals: documents in the order given, each in reading order.

        Positions that are not there are left out.
        """

    async def ping(self) -> None:
        """Return when the store answers; raise Unavailable when it does not."""


@dataclass(frozen=True, slots=True)
class QueryEmbedding:
    """A question's vector, of unit length, and the model that made it."""

    model: str
    vector: Sequence[float]


class Embedder(Protocol):
    """Turns text into vectors of unit length."""

    async def embed_query(self, text: str) -> QueryEmbedding:
        """Embed a question, to be compared with passages of the same model."""

    async def embed_passages(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        """Embed texts to be found, in their order, with the model that embedded the question."""


class Reranker(Protocol):
    """Scores texts against a question by reading both together."""

    async def rerank(self, query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
        """Return (position in ``texts``, score) pairs, best first."""


@dataclass(frozen=True, slots=True)
class LegQuery:
    """What a leg is asked: the text, whose chunks, in which documents (none: all), and how many hits."""

    text: str
    owner: str
    document_ids: tuple[str, ...]
    limit: int


class Leg(Protocol):
    """One way to find passages. Legs run in parallel and are fused by rank."""

    @property
    def name(self) -> str:
        """The name that hits and responses carry, such as "vector"."""

    async def find(self, query: LegQuery) -> list[Hit]:
        """Return at most ``query.limit`` hits, best first."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a model consumed."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ChatFinish:
    """The end of a streamed answer: what it cost, which model answered, whether a limit cut it."""

    usage: Usage
    model: str
    truncated: bool


class ChatModel(Protocol):
    """A language model that writes as a stream."""

    def stream(self, *, system: str, user: str, model: str, max_tokens: int) -> AsyncGenerator[str | ChatFinish, None]:
        """Yield text, then one ``ChatFinish``. Closing the generator stops the model.

        Raises FailedPrecondition with reason NO_CHAT_PROVIDER when no model is configured.
        """
