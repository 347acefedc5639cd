"""Composition root of the llm service."""

from __future__ import annotations

import asyncio
import importlib
from contextlib import AsyncExitStack
from pathlib import Path

from pydantic import SecretStr

from services.kit.failpoints import Failpoints, Points
from services.kit.server import App, Registration
from services.llm.adapters.embedders.local import LocalEmbedder
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.providers.openai_http import OpenAiHttpProvider
from services.llm.adapters.rerankers.http import HttpReranker
from services.llm.domain import faults
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.ledger import Ledger
from services.llm.domain.routing import Backend, ChatRouter, RetryPolicy, Router
from services.llm.ports import ChatProvider, Embedder, Reranker
from services.llm.servicer import LlmServicer
from services.llm.settings import LlmSettings, ProviderSettings, name_of
from tiku.llm.v1.llm_pb2_grpc import add_LlmServiceServicer_to_server


async def build(settings: LlmSettings, stack: AsyncExitStack) -> App:
    """Build the service; `stack` closes what this opens. It is ready once a local model is loaded."""
    ledger, failpoints = Ledger(), Failpoints(settings.failpoints)
    retry = RetryPolicy(attempts=settings.llm_attempts)
    backends = [
        Backend(
            provider.name,
            provider.models,
            failpoints.around(
                await _chat(settings, provider, stack),
                {"stream": Points("llm.chat.last_token", before="llm.chat.asked", first="llm.chat.first_token")},
            ),
            _bulkhead(settings, provider.name, provider.max_concurrent),
        )
        for provider in settings.chat_providers
    ]
    local = await _local_embedder(settings)
    servicer = LlmServicer(  # type: ignore[abstract]  # The base refuses ReadFile, which comes later.
        ChatRouter(backends, ledger, retry, faults.NO_CHAT),
        Router(await _embed_backends(settings, local, stack), ledger, retry, faults.NO_EMBEDDER),
        Router(await _rerank_backends(settings, stack), ledger, retry, faults.NO_RERANKER),
        ledger,
        settings.llm_timeout_seconds,
    )
    return App(
        name="llm",
        registrations=[Registration(add_LlmServiceServicer_to_server, servicer, "tiku.llm.v1.LlmService")],
        ready=local.check if local else None,
        background=[local.run] if local else [],
    )


async def _chat(settings: LlmSettings, provider: ProviderSettings, stack: AsyncExitStack) -> ChatProvider:
    if settings.llm_adapter == "sdk":
        # Not at the top: the import takes most of a second, and 60 MB that only this choice needs.
        sdk = await asyncio.to_thread(importlib.import_module, "services.llm.adapters.providers.openai_sdk")
        key, connect = provider.api_key.get_secret_value(), settings.llm_connect_timeout_seconds
        opening = sdk.OpenAiSdkProvider.open(provider.name, provider.base_url, key, connect)
        opened: ChatProvider = await stack.enter_async_context(opening)
        return opened
    return OpenAiHttpProvider(await _client(settings, provider.name, provider.base_url, provider.api_key, stack))


async def _client(
    settings: LlmSettings, name: str, base_url: str, key: SecretStr, stack: AsyncExitStack
) -> ProviderClient:
    connect = settings.llm_connect_timeout_seconds
    return await stack.enter_async_context(ProviderClient.open(name, base_url, key.get_secret_value(), connect))


def _bulkhead(settings: LlmSettings, name: str, slots: int | None = None) -> Bulkhead:
    return Bulkhead(
        name,
        slots or settings.llm_max_concurrent,
        max_waiting=settings.llm_max_waiting,
        max_wait_seconds=settings.llm_max_wait_seconds,
    )


async def _local_embedder(settings: LlmSettings) -> LocalEmbedder | None:
    folder = settings.embed_model_path
    if folder is None or settings.embed_base_url:
        return None
    if not await asyncio.to_thread(Path.is_file, folder / "modules.json"):
        raise FileNotFoundError(
            f"TIKU_EMBED_MODEL_PATH: {folder} holds no sentence-transformers model (modules.json is missing); "
            "`tiku models pull multilingual-e5-small` brings one"
        )
    return LocalEmbedder(folder, threads=settings.embed_threads)


async def _embed_backends(
    settings: LlmSettings, local: LocalEmbedder | None, stack: AsyncExitStack
) -> list[Backend[Embedder]]:
    url, model = settings.embed_base_url, settings.embed_model
    if url:
        # Not at the top: numpy costs every llm process 25 MB that only this choice needs.
        from services.llm.adapters.embedders.openai_http import OpenAiHttpEmbedder

        client = await _client(settings, name_of(url), url, settings.embed_api_key, stack)
        return [Backend(client.name, [model], OpenAiHttpEmbedder(client, model), _bulkhead(settings, client.name))]
    if local is not None:
        # The local model has a queue of its own, in which queries go first; this gate must not come before it.
        gate = _bulkhead(settings, "local", settings.max_in_flight)
        return [Backend("local", [model or local.folder.name], local, gate)]
    return []


async def _rerank_backends(settings: LlmSettings, stack: AsyncExitStack) -> list[Backend[Reranker]]:
    url, model = settings.rerank_base_url, settings.rerank_model
    if not url:
        return []
    client = await _client(settings, name_of(url), url, settings.rerank_api_key, stack)
    return [Backend(client.name, [model], HttpReranker(client, model), _bulkhead(settings, client.name))]
