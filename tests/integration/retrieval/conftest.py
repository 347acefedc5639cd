"""The retrieval service on real gRPC and a real Qdrant, beside an llm service whose answers a test writes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.kit.channels import open_channel
from services.kit.errors import FailedPrecondition, InvalidArgument, Unavailable
from services.kit.server import App, Registration, running
from services.language.lexicon import lexicon
from services.llm.adapters.embedders.fake import hashed_vector
from services.retrieval.app import build
from services.retrieval.settings import RetrievalSettings
from tiku.common.v1 import source_pb2
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc
from tiku.retrieval.v1 import graph_pb2_grpc, retrieval_pb2_grpc


class ScriptedLlm(llm_pb2_grpc.LlmServiceServicer):
    """Embeds by hashed words and writes ``tokens``; without tokens there is no chat provider."""

    def __init__(self) -> None:
        self.tokens: Sequence[str] = ()
        self.endless = False
        self.pace = 0.0
        self.embed_delay = 0.0
        self.embed_broken = False
        self.users: list[str] = []
        self.time_left: list[float] = []
        self.kinds: list[int] = []
        self.cancelled = asyncio.Event()
        self.writing = asyncio.Event()

    async def Embed(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.kinds.append(request.kind)
        self.users.append(dict(context.invocation_metadata()).get("x-tiku-user", ""))
        self.time_left.append(context.time_remaining())
        await asyncio.sleep(self.embed_delay)
        if self.embed_broken:
            raise Unavailable("The embedder is starting.")
        vectors = [llm_pb2.Embedding(values=hashed_vector(text, 64)) for text in request.texts]
        return llm_pb2.EmbedResponse(embeddings=vectors, dimension=64, model="hashing")

    async def StreamChat(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        if not self.tokens:
            raise FailedPrecondition("No chat model is configured.", reason="NO_CHAT_PROVIDER")
        try:
            while True:
                for token in self.tokens:
                    yield llm_pb2.StreamChatResponse(delta=llm_pb2.ChatDelta(text=token))
                    self.writing.set()
                    await asyncio.sleep(self.pace)
                if not self.endless:
                    break
        except (asyncio.CancelledError, GeneratorExit):  # The latter where it waits for its reader.
            self.cancelled.set()
            raise
        usage = source_pb2.TokenUsage(prompt_tokens=7, completion_tokens=3, total_tokens=10)
        yield llm_pb2.StreamChatResponse(finish=llm_pb2.ChatFinish(usage=usage, model="scripted"))

    async def Chat(self, request: Any, context: Any) -> Any:  # noqa: N802
        raise InvalidArgument("not used")

    async def ListModels(self, request: Any, context: Any) -> Any:  # noqa: N802
        served = llm_pb2.Model(name="scripted", provider="test", purpose=llm_pb2.MODEL_PURPOSE_CHAT)
        return llm_pb2.ListModelsResponse(models=[served] if self.tokens else [])

    Rerank: Any = Chat
    ReadFile: Any = Chat
    GetUsage: Any = Chat


@dataclass
class Bench:
    """A running retrieval service, stubs to it, and the llm service that it asks."""

    llm: ScriptedLlm
    address: str
    retrieval: retrieval_pb2_grpc.RetrievalServiceStub
    graph: graph_pb2_grpc.GraphServiceStub
    lag: Any
    stack: contextlib.AsyncExitStack = field(repr=False)


@pytest.fixture(scope="session", autouse=True)
def _dictionary() -> None:
    """Read the dictionary: a question waits for it for some seconds, which a busy machine takes longer than."""
    lexicon()


@pytest.fixture
async def bench(qdrant_url: str) -> AsyncIterator[Bench]:
    """A retrieval service on a free port."""
    llm = ScriptedLlm()
    async with contextlib.AsyncExitStack() as stack:
        registration = Registration(llm_pb2_grpc.add_LlmServiceServicer_to_server, llm, "tiku.llm.v1.LlmService")
        llm_server = await stack.enter_async_context(running(App("llm", [registration]), "127.0.0.1:0"))
        settings = RetrievalSettings(qdrant_url=qdrant_url, llm_target=llm_server.address, drain_seconds=0.2)
        app = await build(settings, stack)
        server = await stack.enter_async_context(running(app, "127.0.0.1:0", settings))
        channel = await stack.enter_async_context(open_channel(server.address))
        yield Bench(
            llm,
            server.address,
            retrieval_pb2_grpc.RetrievalServiceStub(channel),
            graph_pb2_grpc.GraphServiceStub(channel),
            server.lag,
            stack,
        )
