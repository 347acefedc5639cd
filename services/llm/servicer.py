"""The gRPC edge of the llm service: translate in, call the domain, translate out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc

from services.kit import context
from services.kit.coalesce import coalesce
from services.kit.errors import Unimplemented
from services.llm import messages
from services.llm.domain.ledger import Ledger
from services.llm.domain.routing import Router, Served
from services.llm.domain.single_model import SingleModel
from services.llm.ports import Embedder, Reranker
from services.llm.values.chat import ChatFinish, TextDelta
from tiku.llm.v1 import llm_pb2 as pb
from tiku.llm.v1.llm_pb2_grpc import LlmServiceServicer

_Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class LlmServicer(LlmServiceServicer):
    """`tiku.llm.v1.LlmService`; `timeout` is for a call whose caller names no deadline, in seconds."""

    router: Router
    embedder: SingleModel[Embedder]
    reranker: SingleModel[Reranker]
    ledger: Ledger
    timeout: float

    async def Chat(self, request: pb.ChatRequest, context: _Context) -> pb.ChatResponse:
        """Answer a conversation as a whole."""
        completion, served = await self.router.complete(messages.chat_request(request), self._seconds_left())
        return messages.chat_response(completion, served)

    async def StreamChat(
        self, request: pb.StreamChatRequest, context: _Context
    ) -> AsyncGenerator[pb.StreamChatResponse, None]:
        """Yield text as it is written, joined where it comes fast, then one finish."""
        ends: list[tuple[ChatFinish, Served]] = []
        async with (
            aclosing(self.router.stream(messages.chat_request(request), self._seconds_left())) as events,
            aclosing(coalesce(_texts(events, ends))) as texts,
        ):
            async for text in texts:
                yield pb.StreamChatResponse(delta=pb.ChatDelta(text=text))
        for finish, served in ends:
            yield messages.finish_response(finish, served)

    async def Embed(self, request: pb.EmbedRequest, context: _Context) -> pb.EmbedResponse:
        """Embed texts."""
        texts, kind = list(request.texts), messages.EMBED_KINDS[request.kind]
        vectors, model = await self.embedder.run(
            request.model, self._seconds_left(), lambda embedder, left: embedder.embed(texts, kind, left)
        )
        return messages.embed_response(vectors, model)

    async def Rerank(self, request: pb.RerankRequest, context: _Context) -> pb.RerankResponse:
        """Rank documents by relevance."""
        query, documents, top_n = request.query, list(request.documents), request.top_n
        ranking, model = await self.reranker.run(
            request.model, self._seconds_left(), lambda reranker, left: reranker.rerank(query, documents, top_n, left)
        )
        return messages.rerank_response(ranking, model)

    async def ReadFile(
        self, request_iterator: AsyncIterator[pb.ReadFileRequest], context: _Context
    ) -> pb.ReadFileResponse:
        """Refuse: a provider's own file extraction comes in a later version."""
        raise Unimplemented("ReadFile is not served by this version.", reason="NOT_SERVED_YET")

    async def ListModels(self, request: pb.ListModelsRequest, context: _Context) -> pb.ListModelsResponse:
        """List the configured models."""
        return messages.models_response(self.router.served, self.embedder.served, self.reranker.served)

    async def GetUsage(self, request: pb.GetUsageRequest, context: _Context) -> pb.GetUsageResponse:
        """Say what was spent since this process started.

        A canceled stream counts the tokens of the text that came: providers report the prompt's only at the end.
        """
        return messages.usage_response(self.ledger.tallies(), self.ledger.since)

    def _seconds_left(self) -> float:
        """Return the seconds that the current call may take."""
        left = context.remaining()
        return self.timeout if left is None else left


async def _texts(
    events: AsyncIterator[TextDelta | tuple[ChatFinish, Served]], ends: list[tuple[ChatFinish, Served]]
) -> AsyncGenerator[str, None]:
    """Yield the text of each delta; the finish goes into `ends`, since only texts can be joined."""
    async for event in events:
        if isinstance(event, TextDelta):
            yield event.text
        else:
            ends.append(event)
