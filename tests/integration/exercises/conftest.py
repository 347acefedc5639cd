"""The exercises service over real gRPC on PostgreSQL, beside scripted llm and retrieval services."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import grpc
import pytest_asyncio

from services.exercises.adapters.workers.pooled import warm
from services.exercises.app import build
from services.exercises.domain.generation.material import passages_of_text
from services.exercises.settings import ExercisesSettings
from services.kit import context, server
from services.kit.errors import FailedPrecondition
from services.kit.server import App, Registration
from services.kit.workers import WorkerPool
from tests.unit.exercises.fakes import material
from tiku.exercises.v1 import exercises_pb2_grpc, profile_pb2_grpc
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc
from tiku.retrieval.v1 import retrieval_pb2, retrieval_pb2_grpc

DOCUMENT = str(uuid.uuid4())


@dataclass
class FakeLlm(llm_pb2_grpc.LlmServiceServicer):
    """Writes `text` piece by piece, or refuses for want of a provider; notes who was cancelled."""

    text: str | None = None
    pause: float = 0.0
    calls: int = 0
    running: int = 0
    cancelled: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled_at: list[float] = field(default_factory=list)
    contexts: list[context.RequestContext] = field(default_factory=list)

    async def StreamChat(self, request: Any, _: Any) -> AsyncIterator[llm_pb2.StreamChatResponse]:  # noqa: N802
        """See the contract."""
        self.calls += 1
        self.contexts.append(context.current())
        if self.text is None:
            raise FailedPrecondition("No chat provider is configured.", reason="NO_CHAT_PROVIDER")
        self.running += 1
        self.idle.clear()
        try:
            for start in range(0, len(self.text), 3):
                yield llm_pb2.StreamChatResponse(delta=llm_pb2.ChatDelta(text=self.text[start : start + 3]))
                await asyncio.sleep(self.pause)
            yield llm_pb2.StreamChatResponse(
                finish=llm_pb2.ChatFinish(finish_reason=llm_pb2.FINISH_REASON_STOP, model="fake")
            )
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            self.cancelled_at.append(asyncio.get_running_loop().time())
            raise
        finally:
            self.running -= 1
            if not self.running:
                self.idle.set()


class FakeRetrieval(retrieval_pb2_grpc.RetrievalServiceServicer):
    """One Chinese document, its chunks at an offset of their own, each with a page break in its middle."""

    async def Retrieve(self, request: Any, _: Any) -> retrieval_pb2.RetrieveResponse:  # noqa: N802
        """See the contract."""
        if list(request.filter.document_ids) != [DOCUMENT]:
            return retrieval_pb2.RetrieveResponse()
        hits = [
            retrieval_pb2.Hit(
                chunk=retrieval_pb2.Chunk(
                    chunk_id=str(uuid.uuid5(uuid.UUID(DOCUMENT), str(number))),
                    document_id=DOCUMENT,
                    document_name="生物.pdf",
                    ordinal=number,
                    text=passage.text,
                    page=2 * number + 1,
                    start=passage.start,
                    end=passage.start + len(passage.text),
                    page_starts=[passage.start + len(passage.text) // 2],
                )
            )
            for number, passage in enumerate(passages_of_text(material("zh")))
        ]
        return retrieval_pb2.RetrieveResponse(hits=hits)


@dataclass
class Service:
    """The running service and what stands beside it."""

    exercises: exercises_pb2_grpc.ExercisesServiceStub
    profiles: profile_pb2_grpc.ProfileServiceStub
    llm: FakeLlm
    lag: Any


@asynccontextmanager
async def serving(dsn: str, llm: FakeLlm, **settings: Any) -> AsyncIterator[Service]:
    """The service with fakes beside it, on ports of their own."""
    beside = App(
        name="beside",
        registrations=[
            Registration(llm_pb2_grpc.add_LlmServiceServicer_to_server, llm, "tiku.llm.v1.LlmService"),
            Registration(
                retrieval_pb2_grpc.add_RetrievalServiceServicer_to_server,
                FakeRetrieval(),
                "tiku.retrieval.v1.RetrievalService",
            ),
        ],
    )
    async with AsyncExitStack() as stack:
        others = await stack.enter_async_context(server.running(beside, "127.0.0.1:0"))
        configured = ExercisesSettings(
            postgres_dsn=dsn,
            llm_target=others.address,
            retrieval_target=others.address,
            drain_seconds=0.2,
            exercises_lease_seconds=3,
            **settings,
        )
        app = await build(configured, stack)
        running = await stack.enter_async_context(server.running(app, "127.0.0.1:0", configured))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(running.address))
        yield Service(
            exercises_pb2_grpc.ExercisesServiceStub(channel),
            profile_pb2_grpc.ProfileServiceStub(channel),
            llm,
            running.lag,
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def shared_workers() -> AsyncIterator[None]:
    """One pool of workers for all services of a module: a process of it takes a second to load its dictionaries."""
    async with WorkerPool(1, warm) as pool:
        with patch("services.exercises.app.WorkerPool", lambda *_: nullcontext(pool)):
            yield


@pytest_asyncio.fixture(loop_scope="module")
async def service(exercises_database: str) -> AsyncIterator[Service]:
    """The service without a model."""
    async with serving(exercises_database, FakeLlm()) as opened:
        yield opened
