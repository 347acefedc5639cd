"""What the domain needs from outside.

Every port raises errors of `services.kit.errors` and none of a client library.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from services.retrieval.values.chat import ChatFinish, ChatRequest, ServedModel, Verdict
from services.retrieval.values.chunk import (
    Chunk,
    EmbeddedChunk,
    Filter,
    Hit,
    LegQuery,
    OutsidePassage,
    QueryEmbedding,
    SparseVector,
)
from services.retrieval.values.graph import (
    ChunkPlace,
    Contribution,
    GraphState,
    Link,
    NamedEntity,
    Neighbor,
    Occurrence,
    StatedRelation,
    Statement,
    Table,
)


class VectorStore(Protocol):
    """Chunks with their vectors, kept apart by owner and by embedding model.

    No owner ever sees, replaces or removes what belongs to another. What a call confirmed, the next call finds.
    A store that does not answer is Unavailable; one that answers too late, DeadlineExceeded.
    """

    async def upsert(self, model: str, owner: str, chunks: Sequence[EmbeddedChunk]) -> None:
        """Store chunks whose vectors come from `model` and share one dimension; replace those of a known id."""

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove a document's chunks under every model; a document that is not there is no error."""

    async def search(self, model: str, vector: Sequence[float], owner: str, where: Filter, limit: int) -> list[Hit]:
        """Return the nearest chunks by cosine, best first."""

    async def search_words(self, words: SparseVector, owner: str, where: Filter, limit: int) -> list[Hit]:
        """Return the chunks of any model with the largest products of word vectors and `words`, best first.

        A term's weight in `words` is multiplied by its inverse document frequency, `ln(1 + (N - n + 0.5) / (n + 0.5))`
        where `n` of the owner's `N` chunks under its model hold it. A chunk that shares no term is not found.
        """

    async def extents(self, owner: str, where: Filter) -> list[range]:
        """Return the ordinals of the chunks of each document of `where` that it admits, in the documents' order.

        Pages go up with ordinals, so they have no gap; the range is empty for a document that is not there.
        """

    async def read(self, owner: str, positions: Mapping[str, Sequence[int]]) -> list[Chunk]:
        """Return chunks by document id and ordinals, in reading order; positions that are not there are left out."""

    async def get(self, owner: str, chunk_ids: Sequence[str]) -> list[Chunk]:
        """Return chunks by their ids, in the order of these; those that are not there are left out."""

    async def ping(self) -> None:
        """Return when the store answers."""


class Embedder(Protocol):
    """Turns text into vectors of unit length."""

    async def embed_query(self, text: str) -> QueryEmbedding:
        """Embed a question, to be compared with passages of the same model."""

    async def embed_passages(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        """Embed texts to be found, in their order, with the model that embedded the question."""


class Reranker(Protocol):
    """Scores texts against a question by reading both together."""

    async def rerank(self, query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
        """Return (position in `texts`, score) pairs, best first."""


class Leg(Protocol):
    """One way to find passages; legs run in parallel, and their hits are fused."""

    @property
    def name(self) -> str:
        """The name that hits and responses carry, such as "vector"."""

    async def find(self, query: LegQuery) -> list[Hit]:
        """Return at most `query.limit` hits, best first, of chunks that `query.where` admits."""


class KnowledgeBase(Protocol):
    """Passages that an outside system keeps, and that it finds by itself. They belong to no owner: everybody may ask.

    One that does not answer is Unavailable; one that answers too late, DeadlineExceeded; one whose answer cannot be
    read, Internal.
    """

    @property
    def name(self) -> str:
        """The name that its passages are cited by."""

    async def search(self, question: str, limit: int) -> list[OutsidePassage]:
        """Return at most `limit` passages, best first.

        Raises:
            ResourceExhausted: it wants fewer questions; `retry_after` says for how long.
            FailedPrecondition: it refuses what is configured, such as a key.
        """


class ChatModel(Protocol):
    """A language model that writes as a stream."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[str | ChatFinish, None]:
        """Yield text, then one `ChatFinish`; closing the generator stops the model.

        Raises:
            FailedPrecondition: no model is configured (reason NO_CHAT_PROVIDER).
        """


class Judge(Protocol):
    """A chat model that is asked for one word alone: yes or no."""

    async def judge(self, question: str, text: str) -> Verdict:
        """Return how likely the text holds the answer.

        Raises:
            FailedPrecondition: no model is configured that tells (reason NO_RERANK_PROVIDER).
        """


class ModelDirectory(Protocol):
    """Says which language models there are."""

    async def chat_models(self) -> list[ServedModel]:
        """Return every model that may be asked, the default first; none where no provider is configured."""


class MentionFinder(Protocol):
    """Finds what passages add to the graph, without a model."""

    async def find(self, chunks: Sequence[Chunk]) -> Contribution:
        """Return the names of passages and what their sentences say of them; best with many of one document.

        Raises:
            DeadlineExceeded: it took too long.
            Unavailable: the process that reads them died.
        """

    async def located(self, answer: Mapping[str, object], text: str) -> Contribution:
        """Return what of a model's answer, a JSON object, stands in a text; the errors are those of `find`."""


class WordReader(Protocol):
    """Reads the words of passages, which takes about a millisecond each, beside what waits for answers."""

    async def vectors(self, texts: Sequence[str]) -> list[SparseVector]:
        """Return the vectors by whose words passages are found, in the order of the texts.

        Raises:
            DeadlineExceeded: it took too long.
            Unavailable: the process that reads them died.
        """


class GraphStore(Protocol):
    """Mentions and what sentences say of them, kept apart by owner.

    No owner ever sees or removes what belongs to another. An entity is there as long as a mention is. What a call
    confirmed, the next call finds; a call that fails left nothing, or whole chunks.
    A store that does not answer is Unavailable; one that answers too late, DeadlineExceeded. A change that others
    came in the way of too often is Aborted.
    """

    async def add(self, owner: str, contribution: Contribution) -> None:
        """Store what chunks add; what is there already stays as it is."""

    async def delete_document(self, owner: str, document_id: str) -> None:
        """Remove all that a document added; decisions stay. A document that is not there is no error."""

    async def state(self, owner: str) -> GraphState:
        """Return which engine this is, and what the owner has in it."""

    async def entities(
        self, owner: str, entity_ids: Sequence[str], mentions: int, document_ids: Sequence[str] = ()
    ) -> list[NamedEntity]:
        """Return those of the entities that documents mention, in their order, each with its first `mentions` there.

        No `document_ids` means all; counts are of the same documents.
        """

    async def known(self, owner: str, entity_ids: Sequence[str]) -> set[str]:
        """Return those of the entities that are mentioned anywhere."""

    async def frequent(self, owner: str, document_ids: Sequence[str], limit: int) -> list[str]:
        """Return the ids of the entities that documents mention most, best first; no `document_ids` means all."""

    async def neighbors(
        self, owner: str, entity_ids: Sequence[str], document_ids: Sequence[str], degree: int
    ) -> list[Neighbor]:
        """Return, for each entity, at most `degree` that share most sentences with it."""

    async def meetings(
        self, owner: str, entity_ids: Sequence[str], document_ids: Sequence[str], limit: int, sources: int
    ) -> list[StatedRelation]:
        """Return the pairs among entities that share most sentences, the lesser id first, each with `sources`."""

    async def relations(
        self, owner: str, entity_ids: Sequence[str], document_ids: Sequence[str], limit: int, sources: int
    ) -> list[StatedRelation]:
        """Return relations that start at an entity, or lead to it: at most `limit` for each, with `sources` each."""

    async def links(self, owner: str, entity_ids: Sequence[str]) -> list[Link]:
        """Return what ties these entities to others, or keeps them apart: alias statements by pair, and decisions."""

    async def decide(self, owner: str, link: Link) -> None:
        """Record a decision; it replaces one about the same two entities."""

    async def undo(self, owner: str, decision_id: str) -> None:
        """Remove a decision; one that is not there is no error."""

    async def occurrences(
        self,
        owner: str,
        entity_ids: Sequence[str],
        document_ids: Sequence[str],
        limit: int,
        *,
        sentences: int,
        common: bool = True,
    ) -> list[Occurrence]:
        """Return the chunks that mention an entity, at most `limit` for each, those that mention it most first.

        Of each entity, some `sentences` are looked at. One that has more mentions than that, in whatever documents, is
        left out unless `common`.
        """

    async def entities_of(self, owner: str, chunk_ids: Sequence[str], limit: int) -> list[Occurrence]:
        """Return the entities that a chunk mentions, at most `limit` for each, the most mentioned there first."""

    async def added(self, owner: str, chunk_ids: Sequence[str]) -> set[str]:
        """Return which of these chunks were added as a whole."""

    async def chunks(self, owner: str, document_id: str) -> list[ChunkPlace]:
        """Return the chunks of a document that were added as a whole, in reading order."""

    async def query(self, owner: str, statement: Statement, limit: int) -> Table:
        """Run a statement that `domain.graph.cypher` made for this owner, and return at most `limit` rows.

        Raises:
            InvalidArgument: the engine does not understand it.
        """

    async def ping(self) -> None:
        """Return when the store answers."""
