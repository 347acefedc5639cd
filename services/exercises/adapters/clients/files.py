"""The llm service as models whose providers read files, and the docs service as where files are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from services.exercises.adapters.clients.llm import options_of
from services.exercises.values.chat import ChatRequest
from services.kit.rpc_errors import translated
from tiku.docs.v1 import docs_pb2, docs_pb2_grpc
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc


class LlmFileReadingModel:
    """Models behind LlmService.ReadFile; a file goes from one service to the other a piece at a time."""

    def __init__(self, llm: grpc.aio.Channel, docs: grpc.aio.Channel) -> None:
        self._llm = llm_pb2_grpc.LlmServiceStub(llm)
        self._docs = docs_pb2_grpc.DocsServiceStub(docs)

    async def reads_files(self, model: str) -> bool:
        """Ask for the models."""
        with translated():
            listed = await self._llm.ListModels(llm_pb2.ListModelsRequest())
        chat = [one for one in listed.models if one.purpose == llm_pb2.MODEL_PURPOSE_CHAT]
        return any(one.reads_files and (one.name == model or (not model and one.default)) for one in chat)

    async def ask(self, document_id: str, request: ChatRequest, timeout: float) -> str:
        """Download and ask at once."""
        download = self._docs.DownloadDocument(
            docs_pb2.DownloadDocumentRequest(document_id=document_id), timeout=timeout
        )
        failed: list[Exception] = []
        try:
            call = self._llm.ReadFile(_requests(download, request, failed), timeout=timeout)
            with translated():
                try:
                    response = await call
                except grpc.aio.AioRpcError as error:
                    # A download that failed is why the call did, which is told only as canceled.
                    raise (failed[0] if failed else error) from None
                finally:
                    call.cancel()
            return str(response.text)
        finally:
            download.cancel()


async def _requests(
    download: Any, request: ChatRequest, failed: list[Exception]
) -> AsyncIterator[llm_pb2.ReadFileRequest]:
    try:
        async for response in download:
            if response.WhichOneof("payload") == "chunk":
                yield llm_pb2.ReadFileRequest(chunk=response.chunk)
                continue
            yield llm_pb2.ReadFileRequest(
                description=llm_pb2.ReadFileDescription(
                    model=request.model,
                    name=response.description.name,
                    question="\n\n".join(message.content for message in request.messages),
                    size_bytes=response.description.length_bytes,
                    options=options_of(request),
                )
            )
    except grpc.aio.AioRpcError as error:
        failed.append(error)
        raise
