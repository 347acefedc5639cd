"""Composition root of the llm service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from services.kit.server import App, Registration
from services.llm.adapters.embedders.local import LocalEmbedder
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.providers.openai_http import OpenAiHttpProvider
from services.llm.adapters.rerankers.http import HttpReranker
from services.llm.domain.admission import Admission
from services.llm.domain.calls import Calls, RetryPolicy
from services.llm.domain.routing import Backend, Router
from services.llm.domain.scoring import EmbedBackend, Embeddings, Rankings, RerankBackend
from services.llm.domain.usage import Ledger
from services.llm.ports import ChatProvider
from services.llm.servicer import LlmServicer
from services.llm.settings import LlmSettings, ProviderSettings, name_of
from tiku.llm.v1.llm_pb2_grpc import add_LlmServiceServicer_to_server


async def build(settings: LlmSettings, stack: AsyncExitStack) -> App:
    """The llm service as `settings` want it; clients and connections close with `stack`.

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
            _admission(settings, provider.name, provider.max_concurrent or settings.llm_max_concurrent),
        )
        for provider in settings.chat_providers
    ]
    local = await _local_embedder(settings)
    embed = await _embed_backend(settings, local, stack)
    servicer = LlmServicer(
        Router(backends, calls),
        Embeddings(embed, calls),
        Rankings(_rerank_backend(settings, stack), calls),
        ledger,
        settings.llm_timeout,
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
        # Its import and its certificates take a second of disk and CPU.
        return await asyncio.to_thread(_sdk, settings, provider.name, provider.base_url, key, stack)
    return OpenAiHttpProvider(_client(settings, provider.name, provider.base_url, key, stack))


def _sdk(settings: LlmSettings, name: str, base_url: str, key: str, stack: AsyncExitStack) -> ChatProvider:
    # Not at the top: it would cost every llm process 60 MB that only this choice needs.
    from services.llm.adapters.providers.openai_sdk import OpenAiSdkProvider

    provider = OpenAiSdkProvider(name, base_url, key, settings.llm_connect_timeout)
    stack.push_async_callback(provider.close)
    return provider


def _client(settings: LlmSettings, name: str, base_url: str, key: str, stack: AsyncExitStack) -> ProviderClient:
    client = ProviderClient(name, base_url, key, settings.llm_connect_timeout)
    stack.push_async_callback(client.close)
    return client


def _admission(settings: LlmSettings, name: str, slots: int) -> Admission:
    return Admission(name, slots, settings.llm_max_waiting, settings.llm_max_wait)


async def _local_embedder(settings: LlmSettings) -> LocalEmbedder | None:
    folder = settings.embed_model_path
    if folder is None or settings.embed_base_url:
        return None
    if not await asyncio.to_thread(Path.is_file, folder / "modules.json"):
        raise FileNotFoundError(
            f"TIKU_EMBED_MODEL_PATH: {folder} holds no sentence-transformers model (modules.json is missing); "
            "`tiku models pull multilingual-e5-small` brings one"
        )
    return LocalEmbedder(
        folder,
        settings.embed_model or folder.name,
        threads=settings.embed_threads,
    )


async def _embed_backend(
    settings: LlmSettings, local: LocalEmbedder | None, stack: AsyncExitStack
) -> EmbedBackend | None:
    if settings.embed_base_url:
        # Not at the top: numpy costs every llm process 25 MB that only this choice needs.
        from services.llm.adapters.embedders.openai_http import OpenAiHttpEmbedder

        name = name_of(settings.embed_base_url)
        key = settings.embed_api_key.get_secret_value()
        client = _client(settings, name, settings.embed_base_url, key, stack)
        embedder = OpenAiHttpEmbedder(client, settings.embed_model)
        return EmbedBackend(name, embedder, _admission(settings, name, settings.llm_max_concurrent))
    if local is not None:
        # The local model has a line of its own, in which queries go first; this gate must not come before it.
        return EmbedBackend("local", local, _admission(settings, "local", settings.max_in_flight))
    return None


def _rerank_backend(settings: LlmSettings, stack: AsyncExitStack) -> RerankBackend | None:
    if not settings.rerank_base_url:
        return None
    name = name_of(settings.rerank_base_url)
    key = settings.rerank_api_key.get_secret_value()
    client = _client(settings, name, settings.rerank_base_url, key, stack)
    reranker = HttpReranker(client, settings.rerank_model)
    return RerankBackend(name, reranker, _admission(settings, name, settings.llm_max_concurrent))
