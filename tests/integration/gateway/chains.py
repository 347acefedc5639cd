"""The whole way of a chat: OpenAI's client, gateway, llm service and a provider that plays answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.app import running as running_gateway
from gateway.settings import GatewaySettings
from services.kit.in_process import InProcess
from services.kit.server import running
from services.llm.app import build
from services.llm.settings import LlmSettings
from tests.fakes.raw_provider import RawProvider
from tests.late import imported

if TYPE_CHECKING:
    from openai import AsyncOpenAI

NOWHERE = "127.0.0.1:9"
WAYS = ("over gRPC", "in process")


@dataclass
class Chain:
    """The whole way of a request."""

    provider: RawProvider
    client: AsyncOpenAI
    url: str

    @property
    def asked(self) -> Any:
        """What the provider was asked last."""
        return self.provider.bodies[-1]


@asynccontextmanager
async def chained(way: str) -> AsyncIterator[Chain]:
    """Give a chain; `way` is one of `WAYS`, the second of which has gateway and service share a process."""
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(RawProvider())
        urls = {f"{kind}_base_url": provider.base_url for kind in ("llm", "embed")}
        values: dict[str, Any] = {**urls, "llm_model": "m", "embed_model": "e", "llm_attempts": 1, "drain_seconds": 0.2}
        settings = LlmSettings(llm_providers_file=None, embed_model_path=None, rerank_base_url="", **values)
        llm = await stack.enter_async_context(running(await build(settings, stack), "127.0.0.1:0", settings))
        targets: dict[str, Any] = {f"{name}_target": NOWHERE for name in ("docs", "retrieval", "exercises")}
        shared = {"llm": InProcess(llm.handlers)} if way == WAYS[1] else {}
        told = GatewaySettings(listen="127.0.0.1:0", drain_seconds=1, llm_target=llm.address, **targets)
        gateway = await stack.enter_async_context(running_gateway(told, shared))
        library = await imported("openai")
        # Making it reads certificates from disk.
        client: AsyncOpenAI = await asyncio.to_thread(
            lambda: library.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0, timeout=30)
        )
        yield Chain(provider, await stack.enter_async_context(client), gateway.url)
