"""A real llm service in the process of the test: what the adapters of the services that ask it are held against."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from services.kit import context
from services.kit.channels import open_channel
from services.kit.server import running
from services.llm.app import build
from services.llm.settings import LlmSettings
from tests.fakes.openai_server import ScriptedProvider
from tiku.llm.v1.llm_pb2_grpc import LlmServiceStub


@contextlib.asynccontextmanager
async def llm_service(provider: ScriptedProvider | None) -> AsyncIterator[LlmServiceStub]:
    """A stub of an llm service that asks `provider` for everything, once a call; with None, it has no provider."""
    values: dict[str, Any] = {"llm_providers": (), "embed_model_path": None, "llm_attempts": 1, "drain_seconds": 0.2}
    for kind in ("llm", "embed", "rerank"):
        values[f"{kind}_base_url"] = provider.base_url if provider else ""
        values[f"{kind}_model"] = "scripted" if provider else ""
    settings = LlmSettings(**values)
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(await build(settings, stack), "127.0.0.1:0", settings))
        yield LlmServiceStub(await stack.enter_async_context(open_channel(server.address)))


@contextlib.contextmanager
def time_left(seconds: float) -> Iterator[None]:
    """Gives the request that runs inside so many seconds."""
    deadline = asyncio.get_running_loop().time() + seconds
    token = context.enter(context.RequestContext(deadline=deadline))
    try:
        yield
    finally:
        context.leave(token)
