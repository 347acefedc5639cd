"""Composition root of the llm service."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from services.kit import context
from services.kit.failpoints import Failpoints, Points
from services.kit.server import App, Registration
from services.kit.start import StartError
from services.llm.adapters.embedders.local import LocalEmbedder
from services.llm.adapters.files.http import HttpFileShelf
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.local.folders import ModelFolder
from services.llm.adapters.local.process import LocalModel
from services.llm.adapters.model_metrics import ModelMetrics
from services.llm.adapters.providers.openai_http import OpenAiHttpProvider
from services.llm.adapters.providers_file import ProvidersFile
from services.llm.adapters.rerankers.dialects import dialect_of
from services.llm.adapters.rerankers.http import HttpReranker
from services.llm.adapters.rerankers.local import LocalReranker
from services.llm.adapters.rerankers.yes_no import YesNoReranker
from services.llm.adapters.stores.memory import MemorySpendingStore
from services.llm.domain import faults
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.capacity import Capacity
from services.llm.domain.file_reading import FileReader
from services.llm.domain.ledger import Ledger
from services.llm.domain.rate_window import RateWindow
from services.llm.domain.roster import Roster
from services.llm.domain.routing import ChatRouter, FixedTable, Router
from services.llm.domain.targets import Backend, RoutingTable, routing_table
from services.llm.domain.tries import RetryPolicy
from services.llm.domain.vector_cache import VectorCache
from services.llm.ports import ChatProvider, Embedder, Reranker, SpendingStore
from services.llm.servicer import LlmServicer
from services.llm.settings import LOCAL, LlmSettings, name_of
from services.llm.values.local import Task
from services.llm.values.prices import FREE, Price
from services.llm.values.providers import Model, Provider, Providers
from services.llm.values.spending import Caller
from tiku.llm.v1.llm_pb2_grpc import add_LlmServiceServicer_to_server

EngineT = TypeVar("EngineT")
Background = Callable[[], Coroutine[Any, Any, None]]


async def build(settings: LlmSettings, stack: AsyncExitStack) -> App:
    """Build the service; `stack` closes what this opens. It is ready once a local model is loaded."""
    retry = RetryPolicy(attempts=settings.llm_attempts)
    roster = await stack.enter_async_context(
        Roster.open(lambda provider: _chat(settings, provider), lambda provider: _capacity(settings, provider))
    )
    background = await _providers(settings, roster)
    ledger = Ledger(await _spending(settings, stack), lambda: roster.configured.budgets, _caller)
    embedder = await _local_model(settings, Task.EMBED, settings.embed_model_path, settings.embed_base_url)
    reranker = await _local_model(settings, Task.RERANK, settings.rerank_model_path, settings.rerank_base_url)
    local = [model for model in (embedder, reranker) if model is not None]
    embedders = FixedTable(await _embedders(settings, embedder, stack))
    rerankers = FixedTable(await _rerankers(settings, reranker, stack))
    chat = ChatRouter(roster, ledger, retry, faults.NO_CHAT)
    reader = await stack.enter_async_context(
        FileReader.open(chat.complete, roster, lambda: roster.configured.providers, HttpFileShelf.open)
    )
    servicer = LlmServicer(
        chat,
        Router(embedders, ledger, retry, faults.NO_EMBEDDER, "embeddings"),
        Router(rerankers, ledger, retry, faults.NO_RERANKER, "rerank"),
        ledger,
        reader,
        settings.llm_timeout_seconds,
        lambda: roster.configured.currency,
    )
    return App(
        name="llm",
        registrations=[Registration(add_LlmServiceServicer_to_server, servicer, "tiku.llm.v1.LlmService")],
        ready=partial(_all_loaded, local) if local else None,
        collectors=[ModelMetrics(ledger.measures)],
        background=[*background, ledger.run, reader.run, *(model.run for model in local)],
    )


async def _providers(settings: LlmSettings, roster: Roster) -> list[Background]:
    """Fill the roster; return the work that keeps it as the file says."""
    path, first = settings.llm_providers_file, settings.chat_providers
    if path is None:
        await roster.replace(Providers(providers=first))
        return []
    file = ProvidersFile(path, first, partial(_budgets_can_hold, settings))
    await roster.replace(await file.read())
    return [lambda: file.watch(roster.replace, settings.llm_providers_poll_seconds)]


def _budgets_can_hold(settings: LlmSettings, providers: Providers) -> None:
    """Refuse budgets that this installation cannot keep.

    Raises:
        ValueError: there is no database, or the price of a model is not known that the file does not describe.
    """
    if not providers.budgets:
        return
    if settings.postgres_dsn is None:
        raise ValueError("budgets: need a database; set TIKU_POSTGRES_DSN")
    for kind in ("embed", "rerank"):
        if getattr(settings, f"{kind}_base_url") and getattr(settings, f"{kind}_price_nanos_per_token") is None:
            raise ValueError(f"budgets: need TIKU_{kind.upper()}_PRICE_NANOS_PER_TOKEN")


async def _spending(settings: LlmSettings, stack: AsyncExitStack) -> SpendingStore:
    """Open the database where there is one; without, spending is counted in memory."""
    if settings.postgres_dsn is None:
        return MemorySpendingStore()
    # Not at the top: who has no database does without its driver.
    from services.kit.migrations import MAX_WAIT_SECONDS, migrate
    from services.llm.adapters.stores.postgres.schema import MIGRATIONS, SCHEMA
    from services.llm.adapters.stores.postgres.spending import PostgresSpendingStore

    dsn = settings.postgres_dsn.get_secret_value()
    if settings.migrate:
        await migrate(dsn, SCHEMA, MIGRATIONS, max_wait=MAX_WAIT_SECONDS)
    opening = PostgresSpendingStore.open(
        dsn,
        connections=settings.llm_postgres_connections,
        statement_timeout_seconds=settings.llm_statement_timeout_seconds,
    )
    return await stack.enter_async_context(opening)


def _caller() -> Caller:
    """Return on whose behalf this task works."""
    request = context.current()
    return Caller(request.user_id, request.key, request.organization)


@asynccontextmanager
async def _chat(settings: LlmSettings, provider: Provider) -> AsyncIterator[ChatProvider]:
    """Open the chat of a provider, with the failpoints of the tests around it."""
    key, connect = provider.api_key.get_secret_value(), provider.connect_timeout_seconds
    async with AsyncExitStack() as stack:
        chat: ChatProvider
        if settings.llm_adapter == "sdk":
            # Not at the top: the import takes most of a second, and 60 MB that only this choice needs.
            sdk = await asyncio.to_thread(importlib.import_module, "services.llm.adapters.providers.openai_sdk")
            opening = sdk.OpenAiSdkProvider.open(provider.name, provider.base_url, key, connect)
            chat = await stack.enter_async_context(opening)
        else:
            opening = OpenAiHttpProvider.open(provider.name, provider.base_url, key, connect)
            chat = await stack.enter_async_context(opening)
        points = Points("llm.chat.last_token", before="llm.chat.asked", first="llm.chat.first_token")
        yield Failpoints(settings.failpoints).around(chat, {"stream": points})


def _capacity(settings: LlmSettings, provider: Provider) -> Capacity:
    """Return what a provider can take, by its own limits and those of the settings."""
    name, requests, tokens = provider.name, provider.requests_per_minute, provider.tokens_per_minute
    bulkhead = Bulkhead(
        name,
        provider.max_in_flight or settings.llm_max_concurrent,
        max_waiting=settings.llm_max_waiting,
        max_wait_seconds=settings.llm_max_wait_seconds,
    )
    window = RateWindow(name, requests=requests, tokens=tokens) if requests or tokens else None
    return Capacity(bulkhead, window, settings.llm_max_wait_seconds)


async def _client(settings: LlmSettings, provider: Provider, stack: AsyncExitStack) -> ProviderClient:
    key, connect = provider.api_key.get_secret_value(), settings.llm_connect_timeout_seconds
    return await stack.enter_async_context(ProviderClient.open(provider.name, provider.base_url, key, connect))


async def _local_model(settings: LlmSettings, task: Task, path: Path | None, server: str) -> LocalModel | None:
    """Return the model in the folder, if there is one and no server takes its place."""
    if path is None or server:
        return None
    wanted = settings.embed_backend if task is Task.EMBED else None
    try:
        backend = await asyncio.to_thread(ModelFolder(path).backend, task, wanted)
    except (StartError, ValueError) as error:
        raise StartError(f"TIKU_{task.upper()}_MODEL_PATH: {error}") from error
    return LocalModel(path, backend, task, threads=settings.embed_threads)


async def _all_loaded(models: Sequence[LocalModel]) -> None:
    for model in models:
        await model.check()


async def _embedders(settings: LlmSettings, local: LocalModel | None, stack: AsyncExitStack) -> RoutingTable[Embedder]:
    url, model = settings.embed_base_url, settings.embed_model
    if url:
        # Not at the top: numpy costs every llm process 25 MB that only this choice needs.
        from services.llm.adapters.embedders.openai_http import OpenAiHttpEmbedder

        price = settings.embed_price_nanos_per_token
        provider = _single(url, settings.embed_api_key, model, price)
        remote = OpenAiHttpEmbedder(await _client(settings, provider, stack), model)
        return _table(settings, provider, VectorCache(remote, model, settings.embed_cache_bytes))
    if local is not None:
        own = _own(settings, model or local.folder.name)
        # Vectors of both backends are near enough to be stored together, but not equal.
        name = f"{own.models[0].name}\0{local.backend}"
        return _table(settings, own, VectorCache(LocalEmbedder(local), name, settings.embed_cache_bytes))
    return RoutingTable()


async def _rerankers(settings: LlmSettings, local: LocalModel | None, stack: AsyncExitStack) -> RoutingTable[Reranker]:
    url, model, judged = settings.rerank_base_url, settings.rerank_model, settings.rerank_adapter == "yes_no"
    if url:
        provider = _single(url, settings.rerank_api_key, model, settings.rerank_price_nanos_per_token)
    elif judged and settings.chat_providers:
        provider = settings.chat_providers[0]
    elif local is not None:
        return _table(settings, _own(settings, model or local.folder.name), LocalReranker(local))
    else:
        return RoutingTable()
    client, name = await _client(settings, provider, stack), provider.models[0].name
    if judged:
        return _table(settings, provider, YesNoReranker(client, name))
    return _table(settings, provider, HttpReranker(client, name, settings.rerank_dialect or dialect_of(url)))


def _own(settings: LlmSettings, name: str) -> Provider:
    """Return the provider of a local model, which has a queue of its own: a gate must not come before it."""
    served = Model(name=name, price=FREE)
    return Provider(name=LOCAL, base_url="http://localhost", models=(served,), max_in_flight=settings.max_in_flight)


def _single(base_url: str, key: SecretStr, model: str, nanos_per_token: int | None) -> Provider:
    price = None if nanos_per_token is None else Price.of_reading(nanos_per_token)
    served = Model(name=model, price=price)
    return Provider(name=name_of(base_url), base_url=base_url, api_key=key, models=(served,))


def _table(settings: LlmSettings, provider: Provider, engine: EngineT) -> RoutingTable[EngineT]:
    """Return the table of the only provider of its purpose."""
    backend = Backend(provider, engine, _capacity(settings, provider))
    return routing_table(Providers(providers=(provider,)), [backend])
