"""The gRPC edge of the llm service: translate in, call the domain, translate out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from services.kit import context
from services.kit.coalesce import gathered
from services.kit.errors import FieldViolation, InvalidArgument
from services.llm import messages
from services.llm.domain.file_reading import FileReader
from services.llm.domain.ledger import Ledger
from services.llm.domain.need import need_of_inputs, need_of_texts
from services.llm.domain.routing import ChatRouter, Router
from services.llm.domain.targets import Served
from services.llm.domain.usage import grouped
from services.llm.ports import Embedder, Reranker
from services.llm.values.chat import ChatDelta, ChatFinish, TextDelta
from services.llm.values.relevance import EmbedInput, EmbedKind
from tiku.llm.v1 import llm_pb2 as pb
from tiku.llm.v1.llm_pb2_grpc import LlmServiceServicer


@dataclass(frozen=True, slots=True)
class LlmServicer(LlmServiceServicer):
    """`tiku.llm.v1.LlmService`; `timeout` is for a call whose caller names no deadline, in seconds."""

    chat: ChatRouter
    embedder: Router[Embedder]
    reranker: Router[Reranker]
    ledger: Ledger
    reader: FileReader
    timeout: float
    currency: Callable[[], str] = lambda: "USD"
    """The currency of what the ledger says."""

    async def Chat(self, request: pb.ChatRequest, _: object) -> pb.ChatResponse:
        """Answer a conversation as a whole."""
        completion, served = await self.chat.complete(messages.chat_request(request), self._seconds_left())
        return messages.chat_response(completion, served)

    async def StreamChat(self, request: pb.StreamChatRequest, _: object) -> AsyncGenerator[pb.StreamChatResponse, None]:
        """Yield text as it is written, joined where it comes fast, then one finish."""
        ends: list[tuple[ChatFinish, Served]] = []
        async with (
            aclosing(self.chat.stream(messages.chat_request(request), self._seconds_left())) as events,
            aclosing(gathered(_deltas(events, ends), _size)) as groups,
        ):
            async for deltas in groups:
                for delta in _joined(deltas):
                    yield messages.delta_response(delta)
        for finish, served in ends:
            yield messages.finish_response(finish, served)

    async def Embed(self, request: pb.EmbedRequest, _: object) -> pb.EmbedResponse:
        """Embed texts."""
        texts: list[EmbedInput] = [*request.texts, *(list(tokens.ids) for tokens in request.tokens)]
        dimensions = request.dimensions if request.HasField("dimensions") else None
        kind = EmbedKind.QUERY if request.kind == pb.EMBED_KIND_QUERY else EmbedKind.PASSAGE
        vectors, served = await self.embedder.run(
            request.model,
            self._seconds_left(),
            need_of_inputs(texts),
            lambda engine, asked: engine.embed(texts, kind, asked.timeout, dimensions),
        )
        return messages.embed_response(vectors, served.model)

    async def Rerank(self, request: pb.RerankRequest, _: object) -> pb.RerankResponse:
        """Rank documents by relevance."""
        query, documents, top_n = request.query, list(request.documents), request.top_n
        ranking, served = await self.reranker.run(
            request.model,
            self._seconds_left(),
            need_of_texts(f"{query}{document}" for document in documents),
            lambda engine, asked: engine.rerank(query, documents, top_n, asked.timeout),
        )
        return messages.rerank_response(ranking, served.model)

    async def ReadFile(self, request_iterator: AsyncIterator[pb.ReadFileRequest], _: object) -> pb.ReadFileResponse:
        """Ask about a file that arrives as a stream, behind its description."""
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None or first.WhichOneof("payload") != "description":
            raise _misplaced("must be the first message")
        question = messages.file_question(first.description)
        completion, served = await self.reader.read(question, _bytes(requests), self._seconds_left())
        return messages.file_response(completion, served)

    async def ListModels(self, request: pb.ListModelsRequest, _: object) -> pb.ListModelsResponse:
        """List the configured models."""
        return messages.models_response(
            self.chat.served, self.embedder.served, self.reranker.served, self.chat.reading_speed
        )

    async def GetUsage(self, request: pb.GetUsageRequest, _: object) -> pb.GetUsageResponse:
        """Return what was spent, by what the request asks to tell apart.

        A canceled stream counts the text that came and an estimate of the prompt: providers say what they counted
        only at the end.
        """
        first, last, by = messages.usage_request(request, datetime.now(UTC).date())
        spending, since = await self.ledger.spending(first, last)
        return messages.usage_response(grouped(spending, by), since, self.currency())

    def _seconds_left(self) -> float:
        """Return the seconds that the current call may take."""
        left = context.remaining()
        return self.timeout if left is None else left


async def _deltas(
    events: AsyncIterator[TextDelta | tuple[ChatFinish, Served]], ends: list[tuple[ChatFinish, Served]]
) -> AsyncGenerator[TextDelta, None]:
    """Yield each delta; the finish goes into `ends`, since it is not to wait for others."""
    async for event in events:
        if isinstance(event, TextDelta):
            yield event
        else:
            ends.append(event)


async def _bytes(requests: AsyncIterator[pb.ReadFileRequest]) -> AsyncGenerator[bytes, None]:
    async for request in requests:
        if request.WhichOneof("payload") != "chunk":
            raise _misplaced("must be sent once, before the bytes")
        yield request.chunk


def _misplaced(rule: str) -> InvalidArgument:
    violations = [FieldViolation("description", rule)]
    return InvalidArgument(f"description {rule}.", reason="MISPLACED_DESCRIPTION", violations=violations)


def _size(delta: TextDelta) -> int:
    return len(delta.text) or isinstance(delta, ChatDelta)


def _joined(deltas: list[TextDelta]) -> Iterator[TextDelta]:
    """Yield deltas in their order, with neighbors joined that are text alone."""
    texts: list[str] = []
    for delta in deltas:
        if not isinstance(delta, ChatDelta):
            texts.append(delta.text)
            continue
        if texts:
            yield TextDelta("".join(texts))
            texts.clear()
        yield delta
    if texts:
        yield TextDelta("".join(texts))
