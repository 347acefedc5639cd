"""The llm service as embedder, reranker, judge and chat model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import lru_cache

import grpc
import msgspec
from google.protobuf import json_format

from services.common.messages import value_of
from services.common.values import TokenUsage
from services.kit.errors import Internal
from services.kit.rpc_errors import translated
from services.retrieval.values.chat import ChatFinish, ChatRequest, ServedModel, Verdict
from services.retrieval.values.chunk import QueryEmbedding
from tiku.llm.v1 import llm_pb2 as pb
from tiku.llm.v1.llm_pb2_grpc import LlmServiceStub

RETRIED = tuple(f"tiku.llm.v1.LlmService/{method}" for method in ("Embed", "Rerank", "ListModels"))
"""Methods that a channel to the llm service may send again: those that change nothing when repeated."""
_ROLES = {"system": pb.ROLE_SYSTEM, "user": pb.ROLE_USER}


class LlmEmbedder:
    """Embeds with `LlmService.Embed`, a question with the service's default model."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = LlmServiceStub(channel)

    async def embed_query(self, text: str) -> QueryEmbedding:
        """Embed a question; the service's answer names the model."""
        response = await self._embed([text], pb.EMBED_KIND_QUERY, "")
        return QueryEmbedding(response.model, list(response.embeddings[0].values))

    async def embed_passages(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        """Embed texts in one call."""
        response = await self._embed(texts, pb.EMBED_KIND_PASSAGE, model)
        return [list(embedding.values) for embedding in response.embeddings]

    async def _embed(self, texts: Sequence[str], kind: pb.EmbedKind.ValueType, model: str) -> pb.EmbedResponse:
        with translated():
            response = await self._stub.Embed(pb.EmbedRequest(model=model, kind=kind, texts=texts))
        if len(response.embeddings) != len(texts):
            raise Internal("The embedding service returned another number of vectors than texts.")
        return response


class LlmReranker:
    """Reranks with `LlmService.Rerank` and the service's default model."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = LlmServiceStub(channel)

    async def rerank(self, query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
        """Score texts in one call; a position outside `texts` is left out."""
        with translated():
            response = await self._stub.Rerank(pb.RerankRequest(query=query, documents=texts))
        return [(result.index, result.score) for result in response.results if 0 <= result.index < len(texts)]


class LlmJudge:
    """Judges with `LlmService.Rerank`, whose reranker has to be a chat model (`TIKU_RERANK_ADAPTER=yes_no`)."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = LlmServiceStub(channel)

    async def judge(self, question: str, text: str) -> Verdict:
        """Have one text scored: only then a score tells something by itself."""
        with translated():
            response = await self._stub.Rerank(pb.RerankRequest(query=question, documents=[text]))
        if not response.results:
            raise Internal("The llm service scored no text.")
        return Verdict(response.results[0].score, response.model, value_of(TokenUsage, response.usage))


class LlmChatModel:
    """Writes with `LlmService.StreamChat`; `timeout` seconds bound a whole answer."""

    def __init__(self, channel: grpc.aio.Channel, timeout: float) -> None:
        self._stub = LlmServiceStub(channel)
        self._timeout = timeout

    async def stream(self, request: ChatRequest) -> AsyncGenerator[str | ChatFinish, None]:
        """Yield text, then the finish; closing the generator cancels the call, and with it the provider's."""
        call = self._stub.StreamChat(
            pb.StreamChatRequest(
                model=request.model,
                messages=[pb.ChatMessage(role=_ROLES[m.role], content=m.content) for m in request.messages],
                options=pb.ChatOptions(
                    temperature=0.0, max_tokens=request.max_tokens, structured_output=_output_of(request)
                ),
            ),
            timeout=self._timeout,
        )
        refused = thought = False
        try:
            with translated():
                async for response in call:
                    if response.HasField("delta"):
                        refused = refused or response.delta.HasField("refusal")
                        thought = thought or response.delta.HasField("reasoning")
                        yield response.delta.text
                    elif response.HasField("finish"):
                        end = response.finish
                        yield ChatFinish(
                            value_of(TokenUsage, end.usage),
                            end.model,
                            truncated=end.finish_reason == pb.FINISH_REASON_LENGTH,
                            refused=refused or end.finish_reason == pb.FINISH_REASON_CONTENT_FILTER,
                            thought=thought,
                        )
        finally:
            call.cancel()


class LlmModelDirectory:
    """Lists with `LlmService.ListModels`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = LlmServiceStub(channel)

    async def chat_models(self) -> list[ServedModel]:
        """Return what the service lists for chat."""
        with translated():
            response = await self._stub.ListModels(pb.ListModelsRequest())
        return [
            ServedModel(
                model.name,
                model.provider,
                model.input_tokens_per_second if model.HasField("input_tokens_per_second") else None,
            )
            for model in response.models
            if model.purpose == pb.MODEL_PURPOSE_CHAT
        ]


def _output_of(request: ChatRequest) -> pb.StructuredOutput | None:
    if not request.schema_name:
        return None
    return _output(request.schema_name, msgspec.json.encode(request.schema))


@lru_cache(maxsize=16)
def _output(name: str, schema: bytes) -> pb.StructuredOutput:
    """Return a schema as the contract says it; there are few, and each takes a while to build."""
    output = pb.StructuredOutput(name=name)
    json_format.Parse(schema, output.json_schema)
    return output
