"""What the llm domain needs from outside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from services.llm.values.chat import ChatFinish, ChatMessage, ChatRequest, Completion, TextDelta
from services.llm.values.files import ShelvedFile
from services.llm.values.relevance import EmbedInput, EmbedKind, Ranking, Vectors
from services.llm.values.spending import Account, Balance, Charge, Exhausted, Limit, Line, Reserved, Spending


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


class FileShelf(Protocol):
    """The files that a provider keeps for whoever holds the key.

    Every call takes at most `timeout` seconds, and raises the errors of `services.llm.domain.faults`.
    """

    @property
    def max_bytes(self) -> int:
        """The most that a file may have."""

    async def upload(self, name: str, pieces: AsyncIterator[bytes], size_bytes: int, timeout: float) -> ShelvedFile:
        """Send a file of so many bytes, 0 for not known; the name is ASCII. What `pieces` raises is raised."""

    async def look(self, file_id: str, timeout: float) -> ShelvedFile:
        """Return how a file stands."""

    async def messages(self, file: ShelvedFile, name: str, question: str, timeout: float) -> Sequence[ChatMessage]:
        """Return the conversation that asks about a file, which its owner calls `name`."""

    async def delete(self, file_id: str, timeout: float) -> None:
        """Remove a file, if it is there."""

    async def files(self, timeout: float) -> Sequence[ShelvedFile]:
        """Return every file that is there, also those of others."""


class Embedder(Protocol):
    """Turns texts into vectors of one model."""

    async def embed(
        self, texts: Sequence[EmbedInput], kind: EmbedKind, timeout: float, dimensions: int | None = None
    ) -> Vectors:
        """Return one vector a text, in the order of the texts, within `timeout` seconds.

        A text that is longer than the model reads is cut at the model's limit. `dimensions` is how many components a
        vector should have, None for as many as the model gives.

        Raises:
            InvalidArgument: the model takes no tokens, or gives other dimensions only.
        """


class Reranker(Protocol):
    """Scores documents against a query."""

    async def rerank(self, query: str, documents: Sequence[str], top_n: int, timeout: float) -> Ranking:
        """Return the `top_n` best documents (all for 0), best first, within `timeout` seconds."""


class SpendingStore(Protocol):
    """Keeps what was spent, for every process that serves the same callers.

    Raises `Unavailable` while it cannot be reached.
    """

    began: datetime | None
    """Since when it counts; None for one that outlives its service."""

    async def reserve(
        self,
        call_id: str,
        limits: Sequence[Limit],
        least_nanos: int,
        most_nanos: int,
        seconds: float,
        ahead_nanos: int = 0,
    ) -> Reserved | Exhausted:
        """Set aside money for a call in the accounts of all `limits`, which are at least one, or in none.

        It is `most_nanos`, or what the account with the least left has where that is less, but not below
        `least_nanos`. For calls to come it is `ahead_nanos` more, or so much less that all that is reserved in an
        account is about a 50th of the rest; nothing where that is less than this call gets. After `seconds`, what
        nobody gave back is free again.
        """

    async def write(self, batch_id: str, spending: Mapping[Line, Spending], charges: Sequence[Charge]) -> None:
        """Add what calls came to, and charge those for which money was reserved; a batch counts once, however often.

        A batch has one charge for an id.
        """

    async def spending(self, first: date, last: date) -> Mapping[Line, Spending]:
        """Return what was spent from day `first` to day `last`."""

    async def balances(self, accounts: Sequence[Account]) -> Sequence[Balance]:
        """Return what each account has come to, in their order."""
