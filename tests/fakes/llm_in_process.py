"""A real llm service in the process of the test: what the adapters of the services that ask it are held against."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from services.kit import context
from services.kit.channels import Channel, open_channel
from services.kit.server import App, Registration, running
from services.llm.app import build
from services.llm.settings import LlmSettings
from tests.fakes.openai_server import ScriptedProvider
from tiku.llm.v1 import llm_pb2
from tiku.llm.v1.llm_pb2_grpc import LlmServiceServicer, add_LlmServiceServicer_to_server


@contextlib.asynccontextmanager
async def llm_service(provider: ScriptedProvider | None, *, judging: bool = False) -> AsyncIterator[Channel]:
    """A channel to an llm service that asks `provider` for everything, once a call; with None, it has no provider.

    `judging` has its chat model rerank.
    """
    values: dict[str, Any] = {"llm_providers_file": None, "embed_model_path": None, "llm_attempts": 1}
    values["drain_seconds"] = 0.2
    values["rerank_adapter"] = "yes_no" if judging else "http"
    for kind in ("llm", "embed", "rerank"):
        values[f"{kind}_base_url"] = provider.base_url if provider else ""
        values[f"{kind}_model"] = "scripted" if provider else ""
    settings = LlmSettings(**values)
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(await build(settings, stack), "127.0.0.1:0", settings))
        yield await stack.enter_async_context(open_channel(server.address))


@contextlib.asynccontextmanager
async def service_with(**methods: Callable[[Any, Any], Awaitable[Any] | AsyncIterator[Any]]) -> AsyncIterator[Channel]:
    """A channel to a service that answers the named methods of LlmService as these functions do."""
    servicer = LlmServiceServicer()
    for name, method in methods.items():
        setattr(servicer, name, method)
    app = App("llm", [Registration(add_LlmServiceServicer_to_server, servicer, "tiku.llm.v1.LlmService")])
    async with running(app, "127.0.0.1:0") as server, open_channel(server.address) as channel:
        yield channel


STREAM_ENDS = {
    "thought": (llm_pb2.ChatDelta(reasoning="Hm."), llm_pb2.FINISH_REASON_STOP, (False, True)),
    "declined": (llm_pb2.ChatDelta(refusal="No."), llm_pb2.FINISH_REASON_STOP, (True, False)),
    "filtered": (llm_pb2.ChatDelta(text="x"), llm_pb2.FINISH_REASON_CONTENT_FILTER, (True, False)),
    "well": (llm_pb2.ChatDelta(text="x"), llm_pb2.FINISH_REASON_STOP, (False, False)),
}
"""What a stream says and how it ends; whether the model declined, and whether it only thought."""


@contextlib.asynccontextmanager
async def streaming(delta: llm_pb2.ChatDelta, reason: llm_pb2.FinishReason.ValueType) -> AsyncIterator[Channel]:
    """A channel to a service whose streams say one thing and end."""

    async def stream(_request: Any, _context: Any) -> AsyncIterator[llm_pb2.StreamChatResponse]:
        yield llm_pb2.StreamChatResponse(delta=delta)
        yield llm_pb2.StreamChatResponse(finish=llm_pb2.ChatFinish(finish_reason=reason, model="m"))

    async with service_with(StreamChat=stream) as channel:
        yield channel


@contextlib.contextmanager
def time_left(seconds: float) -> Iterator[None]:
    """Gives the request that runs inside so many seconds."""
    deadline = asyncio.get_running_loop().time() + seconds
    token = context.enter(context.RequestContext(deadline=deadline))
    try:
        yield
    finally:
        context.leave(token)
