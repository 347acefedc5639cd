"""The llm service as models whose providers read files, and the docs service as where files are."""

from __future__ import annotations

import asyncio
from contextlib import suppress
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
        # Written to, as a call that is given an iterator tells an error of that only as canceled.
        call: Any = self._llm.ReadFile(timeout=timeout)  # type: ignore[call-arg]  # The stubs want the iterator.
        try:
            with translated():
                await _send(call, download, request)
                return str((await call).text)
        finally:
            call.cancel()
            download.cancel()


async def _send(call: Any, download: Any, request: ChatRequest) -> None:
    """Send what comes of a download, as long as the call wants it."""
    async for response in download:
        message = _message(response, request)
        with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
            await call.write(message)
            continue
        return  # The call has ended; its response says why.
    with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
        await call.done_writing()


def _message(response: docs_pb2.DownloadDocumentResponse, request: ChatRequest) -> llm_pb2.ReadFileRequest:
    if response.WhichOneof("payload") == "chunk":
        return llm_pb2.ReadFileRequest(chunk=response.chunk)
    return llm_pb2.ReadFileRequest(
        description=llm_pb2.ReadFileDescription(
            model=request.model,
            name=response.description.name,
            question="\n\n".join(message.content for message in request.messages),
            size_bytes=response.description.length_bytes,
            options=options_of(request),
        )
    )
