"""Embeddings of passages, made by the llm service."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from services.docs.values.document import PassageVectors
from services.kit.rpc_errors import translated
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc

RETRIED = ("tiku.llm.v1.LlmService/Embed",)
"""Calls that gRPC may repeat by itself when the service is unavailable."""


class LlmEmbedder:
    """Embeds passages with the llm service's `model`, or its default where that is empty; `timeout` is in seconds."""

    def __init__(self, channel: grpc.aio.Channel, *, model: str = "", timeout: float = 120.0) -> None:
        self._stub = llm_pb2_grpc.LlmServiceStub(channel)
        self._model = model
        self._timeout = timeout

    async def embed(self, texts: Sequence[str]) -> PassageVectors:
        """Send the texts in one call."""
        request = llm_pb2.EmbedRequest(model=self._model, kind=llm_pb2.EMBED_KIND_PASSAGE, texts=texts)
        with translated():
            response = await self._stub.Embed(request, timeout=self._timeout)
        return PassageVectors([embedding.values for embedding in response.embeddings], response.model)
