"""Budgets over PostgreSQL, with a provider that knows what it served."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, suppress
from datetime import date
from pathlib import Path

import pytest
from grpc.aio import AioRpcError
from pydantic import SecretStr

from services.common.values import TokenUsage
from services.kit.channels import open_channel
from services.kit.errors import ResourceExhausted
from services.kit.rpc_errors import from_rpc_error
from services.kit.server import running
from services.llm.adapters.providers_file import ProvidersFileError
from services.llm.adapters.stores.postgres.spending import PostgresSpendingStore
from services.llm.app import build
from services.llm.domain import faults
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.capacity import Capacity
from services.llm.domain.ledger import Ledger
from services.llm.domain.routing import ChatRouter, FixedTable
from services.llm.domain.targets import Backend, routing_table
from services.llm.domain.tries import RetryPolicy
from services.llm.ports import ChatProvider
from services.llm.settings import LlmSettings
from services.llm.values.chat import ChatFinish, ChatMessage, ChatRequest, Completion, FinishReason, Role, TextDelta
from services.llm.values.prices import Price
from services.llm.values.providers import Model, Provider, Providers
from services.llm.values.spending import Account, Balance, Budget, Caller, Line, Period, Scope, Spending
from tests.fakes.openai_server import Script, ScriptedProvider
from tiku.llm.v1 import llm_pb2 as pb
from tiku.llm.v1.llm_pb2_grpc import LlmServiceStub

PRICE = Price(input_nanos_per_token=3, cached_input_nanos_per_token=3, output_nanos_per_token=7)
TOTAL = date(1970, 1, 1)
LIMIT = 60_000


class Served:
    """Answers with as many tokens as it may, and keeps count of what it counted and of what it wrote unreported."""

    def __init__(self) -> None:
        self.chance = random.Random(11)  # noqa: S311 - it plays calls and guards nothing
        self.reported = TokenUsage()
        self.unreported = 0

    async def complete(self, prompt: ChatRequest, timeout: float) -> Completion:
        usage = await self._written(prompt)
        self.reported += usage
        return Completion("word " * usage.completion_tokens, FinishReason.STOP, usage)

    async def stream(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[TextDelta | ChatFinish, None]:
        usage, silent = await self._written(prompt), self.chance.random() < 0.5
        written = 0
        try:
            for _ in range(usage.completion_tokens):
                await asyncio.sleep(0.001)
                written += 1
                yield TextDelta("word ")
            if not silent:
                self.reported += usage
                written = 0
            yield ChatFinish(FinishReason.STOP, None if silent else usage)
        finally:
            self.unreported += written

    async def _written(self, prompt: ChatRequest) -> TokenUsage:
        await asyncio.sleep(self.chance.random() / 100)
        assert prompt.max_tokens is not None
        # A third of the bytes: what a vocabulary makes of Chinese.
        read = sum(len(message.content.encode()) for message in prompt.messages) // 3
        return TokenUsage(read, self.chance.randint(0, min(prompt.max_tokens, 40)))


@pytest.fixture
async def store(llm_database: str) -> AsyncIterator[PostgresSpendingStore]:
    """An empty store."""
    async with PostgresSpendingStore.open(llm_database, connections=8) as opened:
        yield opened


async def test_two_hundred_calls_at_once_pass_no_limit_and_are_counted_to_the_token(
    store: PostgresSpendingStore,
) -> None:
    served, chance = Served(), random.Random(5)  # noqa: S311 - it plays calls and guards nothing
    budgets = [
        Budget(scope=Scope.ALL, period=Period.TOTAL, limit_nanos=LIMIT),
        Budget(scope=Scope.USER, period=Period.TOTAL, limit_nanos=LIMIT // 2),
    ]
    callers: dict[asyncio.Task[object], Caller] = {}
    ledger = Ledger(store, lambda: budgets, lambda: callers[asyncio.current_task()])  # type: ignore[index]
    provider = Provider(name="one", base_url="http://x", models=(Model(name="m", price=PRICE),))
    backends: list[Backend[ChatProvider]] = [
        Backend(provider, served, Capacity(Bulkhead("one", 200, max_waiting=0, max_wait_seconds=5)))
    ]
    tables = FixedTable(routing_table(Providers(providers=(provider,)), backends))
    router = ChatRouter(tables, ledger, RetryPolicy(1), faults.NO_CHAT)
    accounts = [Account(Scope.ALL, "", Period.TOTAL, TOTAL)]
    accounts += [Account(Scope.USER, name, Period.TOTAL, TOTAL) for name in ("ann", "bob")]

    async def one(number: int) -> None:
        callers[asyncio.current_task()] = Caller("ann" if number % 2 else "bob")  # type: ignore[index]
        messages = [ChatMessage(Role.USER, "为什么天是蓝的？" * chance.randint(1, 4))]
        prompt = ChatRequest("m", messages, max_tokens=chance.choice([10, 40]))
        with suppress(ResourceExhausted, TimeoutError):
            async with asyncio.timeout(0.02 if number % 3 == 0 else 30):
                if number % 4 < 2:
                    async with aclosing(router.stream(prompt, 30)) as events:
                        async for _ in events:
                            pass
                else:
                    await router.complete(prompt, 30)

    async def watch() -> None:
        while True:
            for account, balance in zip(accounts, await store.balances(accounts), strict=True):
                limit = LIMIT if account.scope is Scope.ALL else LIMIT // 2
                assert balance.spent_nanos + balance.reserved_nanos <= limit
            await asyncio.sleep(0.01)

    watching, writing = asyncio.create_task(watch()), asyncio.create_task(ledger.run())
    await asyncio.gather(*(one(number) for number in range(200)))
    assert not watching.done()
    for task in (watching, writing):
        task.cancel()
    await asyncio.gather(watching, writing, return_exceptions=True)

    spending, _ = await ledger.spending(date.min, date.max)
    together = sum(spending.values(), Spending())
    everyone, ann, bob = await store.balances(accounts)
    assert everyone == Balance(together.cost_nanos, 0)
    assert ann.spent_nanos + bob.spent_nanos == everyone.spent_nanos
    assert {line.caller.user for line in spending} == {"ann", "bob"}
    assert together.calls > 50
    assert together.estimated > 0
    # What the provider said is what it counted; of the rest, no token that it wrote is missing.
    assert together.tokens.completion_tokens == served.reported.completion_tokens + served.unreported
    assert together.tokens.prompt_tokens > served.reported.prompt_tokens


async def test_a_line_is_told_apart_by_caller(store: PostgresSpendingStore) -> None:
    line = Line(TOTAL, Caller("ann", "bot", "school"), "one", "m")
    other = Line(TOTAL, Caller("ann", "", "school"), "one", "m")
    await store.write("6f0d8a5e-9a7b-4d8e-8a39-c1ad04b9a8e1", {line: Spending(1), other: Spending(2)}, [])
    assert await store.spending(TOTAL, TOTAL) == {line: Spending(1), other: Spending(2)}


FILE = """
currency = "CNY"

[[providers]]
name = "one"
base_url = "{url}"
models = [{{ name = "m", price = {{ input_nanos_per_token = 3, output_nanos_per_token = 7 }} }}]

[[budgets]]
scope = "user"
period = "day"
limit_nanos = 1000
"""


async def test_the_service_refuses_what_a_budget_does_not_allow_and_says_what_was_spent(
    postgres_database: str, tmp_path: Path
) -> None:
    path = tmp_path / "providers.toml"
    async with ScriptedProvider() as provider, AsyncExitStack() as stack:
        await asyncio.to_thread(path.write_text, FILE.format(url=provider.base_url))
        settings = LlmSettings(
            llm_providers_file=path, postgres_dsn=SecretStr(postgres_database), llm_base_url="", embed_model_path=None
        )
        server = await stack.enter_async_context(running(await build(settings, stack), "127.0.0.1:0", settings))
        stub = LlmServiceStub(await stack.enter_async_context(open_channel(server.address)))
        ask = pb.ChatRequest(messages=[pb.ChatMessage(role=pb.ROLE_USER, content="Why is the sky blue?")])
        provider.answer(Script(tokens=["So", "."], usage=True))
        usage = (await stub.Chat(ask)).usage
        cost = 3 * usage.prompt_tokens + 7 * usage.completion_tokens
        assert provider.requests[-1].body["max_tokens"] == (1000 - 3 * (20 + 2 * 16)) // 7
        ask.options.max_tokens = 200
        with pytest.raises(AioRpcError) as caught:
            await stub.Chat(ask)
        refused = from_rpc_error(caught.value)
        assert (refused.status, refused.reason) == ("RESOURCE_EXHAUSTED", "BUDGET_EXHAUSTED")
        assert refused.metadata["left_nanos"] == str(1000 - cost)
        assert len(provider.requests) == 1
        spent = await stub.GetUsage(pb.GetUsageRequest(group_by=[pb.USAGE_DIMENSION_USER]))
        assert spent.currency == "CNY"
        (line,) = spent.usage
        assert (line.provider, line.model, line.user, line.day) == ("one", "m", "dev", "")
        assert (line.calls, line.cost_nanos, line.tokens.prompt_tokens) == (1, cost, usage.prompt_tokens)
        with pytest.raises(AioRpcError, match="first_day"):
            await stub.GetUsage(pb.GetUsageRequest(first_day="2026-02-30"))


async def test_budgets_without_a_database_are_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    await asyncio.to_thread(path.write_text, FILE.format(url="http://127.0.0.1:1/v1"))
    settings = LlmSettings(llm_providers_file=path, postgres_dsn=None, llm_base_url="", embed_model_path=None)
    async with AsyncExitStack() as stack:
        with pytest.raises(ProvidersFileError, match="budgets: need a database; set TIKU_POSTGRES_DSN"):
            await build(settings, stack)
