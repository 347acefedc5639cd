"""The gRPC edge of the llm service: protos in, domain calls, protos out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from services.kit import context
from services.kit.coalesce import coalesce
from services.kit.errors import Unimplemented
from services.llm.domain.routing import Router, Served
from services.llm.domain.schemas import restored
from services.llm.domain.scoring import Embeddings, Rankings
from services.llm.domain.usage import Ledger
from services.llm.values.chat import Delta, Finish, FinishReason, Message, OutputSchema, Prompt, Role, Usage
from services.llm.values.vectors import EmbedKind
from tiku.common.v1.source_pb2 import TokenUsage
from tiku.llm.v1 import llm_pb2 as pb
from tiku.llm.v1.llm_pb2_grpc import LlmServiceServicer

_ROLES = {
    pb.ROLE_SYSTEM: Role.SYSTEM,
    pb.ROLE_USER: Role.USER,
    pb.ROLE_ASSISTANT: Role.ASSISTANT,
}
_REASONS = {
    FinishReason.UNKNOWN: pb.FINISH_REASON_UNSPECIFIED,
    FinishReason.STOP: pb.FINISH_REASON_STOP,
    FinishReason.LENGTH: pb.FINISH_REASON_LENGTH,
    FinishReason.CONTENT_FILTER: pb.FINISH_REASON_CONTENT_FILTER,
}

_SCHEMAS_KEPT = 64
_Context = grpc.aio.ServicerContext[Any, Any]


class LlmServicer(LlmServiceServicer):
    """Serves tiku.llm.v1.LlmService.

    Args:
        router: answers chats.
        embeddings: embeds texts.
        rankings: ranks documents.
        ledger: knows what was spent.
        timeout: seconds for a call whose caller names no deadline; one that is named holds, however far away.
    """

    def __init__(
        self, router: Router, embeddings: Embeddings, rankings: Rankings, ledger: Ledger, timeout: float
    ) -> None:
        self._router = router
        self._embeddings = embeddings
        self._rankings = rankings
        self._ledger = ledger
        self._timeout = timeout

    async def Chat(self, request: pb.ChatRequest, context: _Context) -> pb.ChatResponse:
        """One whole answer."""
        completion, served = await self._router.complete(_prompt(request), self._time())
        return pb.ChatResponse(
            message=pb.ChatMessage(role=pb.ROLE_ASSISTANT, content=completion.text),
            finish_reason=_REASONS[completion.reason],
            usage=_usage(completion.usage or Usage()),
            model=served.model,
            provider=served.provider,
        )

    async def StreamChat(
        self, request: pb.StreamChatRequest, context: _Context
    ) -> AsyncGenerator[pb.StreamChatResponse, None]:
        """Text as it is written, joined where it comes fast, then one finish."""
        ends: list[pb.ChatFinish] = []
        async with (
            aclosing(self._router.stream(_prompt(request), self._time())) as events,
            aclosing(coalesce(_texts(events, ends))) as texts,
        ):
            async for text in texts:
                yield pb.StreamChatResponse(delta=pb.ChatDelta(text=text))
        for finish in ends:
            yield pb.StreamChatResponse(finish=finish)

    async def Embed(self, request: pb.EmbedRequest, context: _Context) -> pb.EmbedResponse:
        """One vector a text."""
        kind = EmbedKind.QUERY if request.kind == pb.EMBED_KIND_QUERY else EmbedKind.PASSAGE
        vectors, model = await self._embeddings.embed(request.model, list(request.texts), kind, self._time())
        return pb.EmbedResponse(
            embeddings=[embedding(vectors.row(index)) for index in range(vectors.count)],
            dimension=vectors.dimension,
            model=model,
            usage=_usage(vectors.usage),
        )

    async def Rerank(self, request: pb.RerankRequest, context: _Context) -> pb.RerankResponse:
        """Documents by relevance, best first."""
        ranking, model = await self._rankings.rerank(
            request.model, request.query, list(request.documents), request.top_n, self._time()
        )
        return pb.RerankResponse(
            results=[pb.RankedDocument(index=item.index, score=item.score) for item in ranking.results],
            model=model,
            usage=_usage(ranking.usage),
        )

    async def ReadFile(
        self, request_iterator: AsyncIterator[pb.ReadFileRequest], context: _Context
    ) -> pb.ReadFileResponse:
        """Not served yet: a provider's own file extraction comes in a later version.

        Raises:
            Unimplemented: always.
        """
        raise Unimplemented("ReadFile is not served by this version.", reason="NOT_SERVED_YET")

    async def ListModels(self, request: pb.ListModelsRequest, context: _Context) -> pb.ListModelsResponse:
        """Every configured model; the first of each purpose is its default."""
        models = [
            pb.Model(name=served.model, provider=served.provider, purpose=pb.MODEL_PURPOSE_CHAT, default=not place)
            for place, served in enumerate(self._router.served)
        ]
        if embed := self._embeddings.backend:
            models.append(
                pb.Model(
                    name=embed.embedder.model,
                    provider=embed.name,
                    purpose=pb.MODEL_PURPOSE_EMBEDDING,
                    default=True,
                )
            )
        if rerank := self._rankings.backend:
            models.append(
                pb.Model(
                    name=rerank.reranker.model,
                    provider=rerank.name,
                    purpose=pb.MODEL_PURPOSE_RERANK,
                    default=True,
                )
            )
        return pb.ListModelsResponse(models=sorted(models, key=lambda model: not model.default))

    async def GetUsage(self, request: pb.GetUsageRequest, context: _Context) -> pb.GetUsageResponse:
        """What was spent since this process started.

        Tokens of a cancelled stream are those of its text that came: providers report the prompt's only at the end.
        """
        response = pb.GetUsageResponse(
            usage=[
                pb.ModelUsage(
                    provider=tally.provider,
                    model=tally.model,
                    calls=tally.calls,
                    failed_calls=tally.failed,
                    cancelled_calls=tally.cancelled,
                    tokens=_usage(tally.tokens),
                )
                for tally in self._ledger.tallies()
            ]
        )
        response.since.FromDatetime(self._ledger.since)
        return response

    def _time(self) -> float:
        """Seconds that the current call may take."""
        left = context.remaining()
        return self._timeout if left is None else left


async def _texts(
    events: AsyncIterator[Delta | tuple[Finish, Served]], ends: list[pb.ChatFinish]
) -> AsyncGenerator[str, None]:
    """The text of each delta; the finish goes into `ends`, since only texts can be joined."""
    async for event in events:
        if isinstance(event, Delta):
            yield event.text
        else:
            finish, served = event
            ends.append(
                pb.ChatFinish(
                    finish_reason=_REASONS[finish.reason],
                    usage=_usage(finish.usage or Usage()),
                    model=served.model,
                    provider=served.provider,
                )
            )


def _prompt(request: pb.ChatRequest | pb.StreamChatRequest) -> Prompt:
    options = request.options
    output = None
    if options.HasField("structured_output"):
        wanted = options.structured_output
        output = OutputSchema(wanted.name, _schema(wanted.json_schema.SerializeToString(deterministic=True)))
    return Prompt(
        model=request.model,
        messages=[Message(_ROLES[message.role], message.content) for message in request.messages],
        temperature=options.temperature if options.HasField("temperature") else None,
        top_p=options.top_p if options.HasField("top_p") else None,
        max_tokens=options.max_tokens if options.HasField("max_tokens") else None,
        stop=list(options.stop),
        seed=options.seed if options.HasField("seed") else None,
        output=output,
    )


@lru_cache(maxsize=_SCHEMAS_KEPT)
def _schema(struct: bytes) -> Mapping[str, object]:
    """The schema in a serialized Struct, never to be changed: callers ask for the same few again and again."""
    return MappingProxyType(restored(MessageToDict(Struct.FromString(struct))))


def _usage(usage: Usage) -> TokenUsage:
    return TokenUsage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
    )


def embedding(row: bytes) -> pb.Embedding:
    """An Embedding from little-endian float32 bytes, which are its packed field's own encoding.

    Parsing them costs a copy; assigning 2,048 vectors number by number would hold the loop for tens of milliseconds.
    """
    length = len(row)
    head = bytearray((1 << 3 | 2,))  # Field 1, length-delimited.
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return pb.Embedding.FromString(bytes(head) + row)
