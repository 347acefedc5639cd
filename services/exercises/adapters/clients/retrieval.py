"""The retrieval service as the source of passages."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from services.exercises.values.question import Passage
from services.kit.rpc_errors import translated
from tiku.retrieval.v1 import retrieval_pb2, retrieval_pb2_grpc

RETRIED = ("tiku.retrieval.v1.RetrievalService/Retrieve",)
"""Calls that gRPC may repeat by itself when the service is unavailable: a second one changes nothing."""

_DIVERSITY = 0.3
"""Two passages that say the same make the same questions."""


class RetrievalPassageSource:
    """Passages from RetrievalService.Retrieve; a call takes at most `timeout` seconds."""

    def __init__(self, channel: grpc.aio.Channel, timeout: float) -> None:
        self._stub = retrieval_pb2_grpc.RetrievalServiceStub(channel)
        self._timeout = timeout

    async def passages(self, document_ids: Sequence[str], topic: str, limit: int) -> list[Passage]:
        """Ask for the chunks of documents and return them as passages."""
        request = retrieval_pb2.RetrieveRequest(
            query=topic,
            filter=retrieval_pb2.Filter(document_ids=document_ids),
            limit=limit,
            diversity=_DIVERSITY,
        )
        with translated():
            response = await self._stub.Retrieve(request, timeout=self._timeout)
        return [
            Passage(
                text=hit.chunk.text,
                start=hit.chunk.start,
                page=hit.chunk.page,
                document_id=hit.chunk.document_id,
                document_name=hit.chunk.document_name,
                chunk_id=hit.chunk.chunk_id,
                page_starts=tuple(hit.chunk.page_starts),
                heading_path=tuple(hit.chunk.heading_path),
            )
            for hit in response.hits
        ]
