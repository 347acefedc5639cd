"""What the edge builds by hand, and the time that it gives a call."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator
from typing import Any

import grpc
import pytest

from services.kit import context
from services.llm.adapters.files.http import HttpFileShelf
from services.llm.adapters.providers.fake import FakeChatProvider
from services.llm.adapters.stores.memory import MemorySpendingStore
from services.llm.domain import faults
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.capacity import Capacity
from services.llm.domain.file_reading import FileReader
from services.llm.domain.ledger import Ledger
from services.llm.domain.routing import ChatRouter, FixedTable, Router
from services.llm.domain.targets import Backend, RoutingTable, routing_table
from services.llm.domain.tries import RetryPolicy
from services.llm.messages import embedding
from services.llm.ports import ChatProvider, Embedder, Reranker
from services.llm.servicer import LlmServicer
from services.llm.values.chat import ChatFinish, ChatRequest, TextDelta
from services.llm.values.providers import Model, Provider, Providers
from tiku.llm.v1 import llm_pb2 as pb

ASK = [pb.ChatMessage(role=pb.ROLE_USER, content="What is it?")]
NO_DEADLINE_SECONDS = 0.5


class TimedProvider(FakeChatProvider):
    """Keeps the seconds that each call got."""

    def __init__(self) -> None:
        super().__init__()
        self.timeouts: list[float] = []

    async def stream(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[TextDelta | ChatFinish, None]:
        self.timeouts.append(timeout)
        async for event in super().stream(prompt, timeout):
            yield event


@pytest.mark.parametrize("dimension", [0, 1, 31, 32, 384, 4096, 5000])
def test_an_embedding_from_bytes_is_the_embedding_of_its_numbers(dimension: int) -> None:
    values = array("f", (number / 7 - 3 for number in range(dimension)))
    assert embedding(values.tobytes()) == pb.Embedding(values=values)


@pytest.mark.parametrize(
    ("named", "given"), [(None, NO_DEADLINE_SECONDS), (300.0, 300.0), (0.2, 0.2)], ids=["none", "longer", "shorter"]
)
async def test_the_timeout_is_for_callers_without_a_deadline_and_cuts_no_deadline(
    named: float | None, given: float
) -> None:
    provider, ledger = TimedProvider(), Ledger(MemorySpendingStore())
    retry = RetryPolicy()
    bulkhead = Bulkhead("a", 1, max_waiting=0, max_wait_seconds=5)
    configured = Provider(name="a", base_url="http://x", models=(Model(name="m"),))
    backends: list[Backend[ChatProvider]] = [Backend(configured, provider, Capacity(bulkhead))]
    table = FixedTable(routing_table(Providers(providers=(configured,)), backends))
    embedder: Router[Embedder] = Router(FixedTable(RoutingTable()), ledger, retry, faults.NO_EMBEDDER)
    reranker: Router[Reranker] = Router(FixedTable(RoutingTable()), ledger, retry, faults.NO_RERANKER)
    chat = ChatRouter(table, ledger, retry, faults.NO_CHAT)
    servicer = LlmServicer(
        chat,
        embedder,
        reranker,
        ledger,
        FileReader(chat.complete, table, tuple, HttpFileShelf.open),
        NO_DEADLINE_SECONDS,
    )
    deadline = None if named is None else asyncio.get_running_loop().time() + named
    token = context.enter(context.RequestContext(deadline=deadline))
    unused: grpc.aio.ServicerContext[Any, Any] = None  # type: ignore[assignment]  # the handlers never look at it
    try:
        await servicer.Chat(pb.ChatRequest(messages=ASK), unused)
        assert [event async for event in servicer.StreamChat(pb.StreamChatRequest(messages=ASK), unused)]
    finally:
        context.leave(token)
    assert provider.timeouts == pytest.approx([given, given], abs=0.1)
