"""What the llm domain needs from outside, and the values that cross those borders."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """Who speaks in a chat message; the value is OpenAI's own word."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class FinishReason(StrEnum):
    """Why a model stopped; the value is OpenAI's own word."""

    UNKNOWN = "unknown"
    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"

    @classmethod
    def of(cls, word: str | None) -> FinishReason:
        """The reason a provider's word stands for; a word that nobody defined is UNKNOWN."""
        try:
            return cls(word or cls.UNKNOWN)
        except ValueError:
            return cls.UNKNOWN


class EmbedKind(StrEnum):
    """What a text is for; asymmetric models embed the two differently."""

    QUERY = "query"
    PASSAGE = "passage"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """JSON Schema that an answer has to match, under a name that the model sees."""

    name: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question to a chat model; an option that is None or empty is the provider's default."""

    model: str
    messages: Sequence[Message]
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: Sequence[str] = ()
    seed: int | None = None
    output: OutputSchema | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a call consumed, in the model's own tokens."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Sum of both."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)


@dataclass(frozen=True, slots=True)
class Completion:
    """One whole answer; usage is None when the provider did not report it."""

    text: str
    reason: FinishReason
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of an answer; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a streamed answer; usage is None when the provider did not report it."""

    reason: FinishReason
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Vectors:
    """Embeddings of `count` texts: float32, little-endian, row after row, each of unit length."""

    data: bytes
    dimension: int
    usage: Usage

    @property
    def count(self) -> int:
        """How many vectors `data` holds."""
        return len(self.data) // (4 * self.dimension) if self.dimension else 0

    def row(self, index: int) -> bytes:
        """The bytes of one vector."""
        width = 4 * self.dimension
        return self.data[index * width : (index + 1) * width]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Position of a document in the request and its relevance, comparable within one answer only."""

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Scored documents, best first."""

    results: Sequence[Ranked]
    usage: Usage


class ChatProvider(Protocol):
    """A server that answers chats.

    Both calls raise the errors of `services.llm.faults` and nothing else of their own. Cancelling a call, or
    closing a stream, closes the provider's connection at once, so that it stops writing.
    """

    async def complete(self, prompt: Prompt, timeout: float) -> Completion:
        """One whole answer within `timeout` seconds."""
        ...

    def stream(self, prompt: Prompt, timeout: float) -> AsyncGenerator[Delta | Finish, None]:
        """Deltas as the model writes them, then exactly one Finish, all within `timeout` seconds.

        A consumer that stops early has to close the generator (`contextlib.aclosing`).
        """
        ...


class Embedder(Protocol):
    """Turns texts into vectors of one model."""

    @property
    def model(self) -> str:
        """Name of the model."""
        ...

    async def embed(self, texts: Sequence[str], kind: EmbedKind, timeout: float) -> Vectors:
        """One vector a text, in the order of the texts, within `timeout` seconds.

        A text that is longer than the model reads is cut at the model's limit.
        """
        ...


class Reranker(Protocol):
    """Scores documents against a query."""

    @property
    def model(self) -> str:
        """Name of the model."""
        ...

    async def rerank(self, query: str, documents: Sequence[str], top_n: int, timeout: float) -> Ranking:
        """The `top_n` best documents (all for 0), best first, within `timeout` seconds."""
        ...
