"""Composition root of the llm service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.kit.server import App, Registration
from services.llm.adapters.embedders.local import LocalEmbedder
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.providers.openai_http import OpenAiHttpProvider
from services.llm.adapters.rerankers.http import HttpReranker
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.calls import Calls, RetryPolicy
from services.llm.domain.ledger import Ledger
from services.llm.domain.routing import Backend, Router
from services.llm.domain.single_model import ModelBackend, SingleModel, no_embedder, no_reranker
from services.llm.ports import ChatProvider, Embedder, Reranker
from services.llm.servicer import LlmServicer
from services.llm.settings import LlmSettings, ProviderSettings, name_of
from tiku.llm.v1.llm_pb2_grpc import add_LlmServiceServicer_to_server

if TYPE_CHECKING:
    from services.llm.adapters.providers.openai_sdk import OpenAiSdkProvider


async def build(settings: LlmSettings, stack: AsyncExitStack) -> App:
    """Wire the service; what it opens, `stack` closes. Ready once a local model is loaded.

    Raises:
        FileNotFoundError: TIKU_EMBED_MODEL_PATH holds no model.
    """
    ledger = Ledger()
    calls = Calls(ledger, RetryPolicy(attempts=settings.llm_attempts))
    backends = [
        Backend(
            provider.name,
            provider.models,
            await _chat(settings, provider, stack),
            _bulkhead(settings, provider.name, provider.max_concurrent or settings.llm_max_concurrent),
        )
        for provider in settings.chat_providers
    ]
    local = await _local_embedder(settings)
    servicer = LlmServicer(
        Router(backends, calls),
        SingleModel(await _embed_backend(settings, local, stack), calls, no_embedder()),
        SingleModel(await _rerank_backend(settings, stack), calls, no_reranker()),
        ledger,
        settings.llm_timeout_seconds,
    )
    background: list[Callable[[], Coroutine[Any, Any, None]]] = [local.run] if local else []
    return App(
        name="llm",
        registrations=[Registration(add_LlmServiceServicer_to_server, servicer, "tiku.llm.v1.LlmService")],
        ready=local.check if local else None,
        background=background,
    )


async def _chat(settings: LlmSettings, provider: ProviderSettings, stack: AsyncExitStack) -> ChatProvider:
    key = provider.api_key.get_secret_value()
    if settings.llm_adapter == "sdk":
        # Its import takes most of a second of disk and CPU.
        sdk = await asyncio.to_thread(_sdk)
        connect = settings.llm_connect_timeout_seconds
        return await stack.enter_async_context(sdk.open(provider.name, provider.base_url, key, connect))
    return OpenAiHttpProvider(await _client(settings, provider.name, provider.base_url, key, stack))


def _sdk() -> type[OpenAiSdkProvider]:
    # Not at the top: it would cost every llm process 60 MB that only this choice needs.
    from services.llm.adapters.providers.openai_sdk import OpenAiSdkProvider

    return OpenAiSdkProvider


async def _client(settings: LlmSettings, name: str, base_url: str, key: str, stack: AsyncExitStack) -> ProviderClient:
    return await stack.enter_async_context(
        ProviderClient.open(name, base_url, key, settings.llm_connect_timeout_seconds)
    )


def _bulkhead(settings: LlmSettings, name: str, slots: int) -> Bulkhead:
    return Bulkhead(name, slots, max_waiting=settings.llm_max_waiting, max_wait_seconds=settings.llm_max_wait_seconds)


async def _local_embedder(settings: LlmSettings) -> LocalEmbedder | None:
    folder = settings.embed_model_path
    if folder is None or settings.embed_base_url:
        return None
    if not await asyncio.to_thread(Path.is_file, folder / "modules.json"):
        raise FileNotFoundError(
            f"TIKU_EMBED_MODEL_PATH: {folder} holds no sentence-transformers model (modules.json is missing); "
            "`tiku models pull multilingual-e5-small` brings one"
        )
    return LocalEmbedder(folder, settings.embed_model or folder.name, threads=settings.embed_threads)


async def _embed_backend(
    settings: LlmSettings, local: LocalEmbedder | None, stack: AsyncExitStack
) -> ModelBackend[Embedder] | None:
    if settings.embed_base_url:
        # Not at the top: numpy costs every llm process 25 MB that only this choice needs.
        from services.llm.adapters.embedders.openai_http import OpenAiHttpEmbedder

        name = name_of(settings.embed_base_url)
        key = settings.embed_api_key.get_secret_value()
        client = await _client(settings, name, settings.embed_base_url, key, stack)
        embedder = OpenAiHttpEmbedder(client, settings.embed_model)
        return ModelBackend(name, embedder, _bulkhead(settings, name, settings.llm_max_concurrent))
    if local is not None:
        # The local model has a queue of its own, in which queries go first; this gate must not come before it.
        return ModelBackend("local", local, _bulkhead(settings, "local", settings.max_in_flight))
    return None


async def _rerank_backend(settings: LlmSettings, stack: AsyncExitStack) -> ModelBackend[Reranker] | None:
    if not settings.rerank_base_url:
        return None
    name = name_of(settings.rerank_base_url)
    key = settings.rerank_api_key.get_secret_value()
    client = await _client(settings, name, settings.rerank_base_url, key, stack)
    reranker = HttpReranker(client, settings.rerank_model)
    return ModelBackend(name, reranker, _bulkhead(settings, name, settings.llm_max_concurrent))
