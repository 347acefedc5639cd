"""The llm service as a language model that writes JSON."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

import grpc
import msgspec
from google.protobuf import json_format

from services.common.values import TokenUsage
from services.exercises.values.chat import ChatFinish, ChatRequest
from services.kit.rpc_errors import translated
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc


class LlmChatModel:
    """A model behind LlmService.StreamChat; a call takes at most `timeout` seconds."""

    def __init__(self, channel: grpc.aio.Channel, timeout: float) -> None:
        self._stub = llm_pb2_grpc.LlmServiceStub(channel)
        self._timeout = timeout

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[str | ChatFinish]]:
        """Open a call, which the end of the block cancels."""
        call = self._stub.StreamChat(stream_request(request), timeout=self._timeout)
        try:
            yield _read(call)
        finally:
            call.cancel()


async def _read(call: Any) -> AsyncGenerator[str | ChatFinish, None]:
    refused = thought = False
    with translated():
        async for response in call:
            if response.HasField("delta"):
                refused = refused or response.delta.HasField("refusal")
                thought = thought or response.delta.HasField("reasoning")
                yield response.delta.text
            elif response.HasField("finish"):
                finish = response.finish
                yield ChatFinish(
                    model=finish.model,
                    usage=TokenUsage(finish.usage.prompt_tokens, finish.usage.completion_tokens),
                    truncated=finish.finish_reason == llm_pb2.FINISH_REASON_LENGTH,
                    refused=refused or finish.finish_reason == llm_pb2.FINISH_REASON_CONTENT_FILTER,
                    thought=thought,
                )


def options_of(request: ChatRequest) -> llm_pb2.ChatOptions:
    """Return how a request is to be answered."""
    options = llm_pb2.ChatOptions(
        temperature=request.temperature,
        max_tokens=request.max_tokens,
        structured_output=_output(request.schema_name, msgspec.json.encode(request.schema)),
    )
    if request.seed is not None:
        options.seed = request.seed
    return options


def stream_request(request: ChatRequest) -> llm_pb2.StreamChatRequest:
    """Return a request as the contract says it."""
    return llm_pb2.StreamChatRequest(
        model=request.model,
        messages=[
            llm_pb2.ChatMessage(role=llm_pb2.Role.Value(f"ROLE_{role.upper()}"), content=content)
            for role, content in request.messages
        ],
        options=options_of(request),
    )


@lru_cache(maxsize=64)
def _output(name: str, schema: bytes) -> llm_pb2.StructuredOutput:
    """Return a schema as the contract says it; there are few, and each takes a while to build."""
    output = llm_pb2.StructuredOutput(name=name)
    json_format.Parse(schema, output.json_schema)
    return output
