"""The docs service on a real PostgreSQL and a real folder; the services that it calls are stand-ins over real gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.docs.app import build
from services.docs.settings import DocsSettings
from services.kit.channels import open_channel
from services.kit.context import current
from services.kit.errors import FailedPrecondition, TikuError, Unavailable
from services.kit.server import App, Registration, running
from tiku.docs.v1 import docs_pb2, docs_pb2_grpc
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc
from tiku.retrieval.v1 import graph_pb2, graph_pb2_grpc, retrieval_pb2, retrieval_pb2_grpc


class StandInLlm(llm_pb2_grpc.LlmServiceServicer):
    """Embeds every text as the same vector, after `delay` seconds; the first `faults` calls fail."""

    def __init__(self) -> None:
        self.texts = 0
        self.delay = 0.0
        self.faults = 0
        self.fault: TikuError = Unavailable("The model is loading.")

    async def Embed(self, request: llm_pb2.EmbedRequest, context: Any) -> llm_pb2.EmbedResponse:  # noqa: N802
        if self.faults:
            self.faults -= 1
            raise self.fault
        await asyncio.sleep(self.delay)
        assert request.kind == llm_pb2.EMBED_KIND_PASSAGE
        self.texts += len(request.texts)
        vectors = [llm_pb2.Embedding(values=[0.6, 0.8]) for _ in request.texts]
        return llm_pb2.EmbedResponse(embeddings=vectors, dimension=2, model="stand-in")


class StandInRetrieval(retrieval_pb2_grpc.RetrievalServiceServicer):
    """Keeps chunks by owner and id, and counts how often each was sent."""

    def __init__(self) -> None:
        self.chunks: dict[tuple[str, str], retrieval_pb2.Chunk] = {}
        self.sent: dict[str, int] = {}
        self.delay = 0.0
        self.deletions = 0
        self.hold = asyncio.Event()
        """Deletions wait while this is clear."""
        self.hold.set()

    def of(self, document_id: str) -> list[retrieval_pb2.Chunk]:
        found = [chunk for chunk in self.chunks.values() if chunk.document_id == document_id]
        return sorted(found, key=lambda chunk: chunk.ordinal)

    async def IndexChunks(  # noqa: N802
        self, request: retrieval_pb2.IndexChunksRequest, context: Any
    ) -> retrieval_pb2.IndexChunksResponse:
        await asyncio.sleep(self.delay)
        for item in request.chunks:
            self.chunks[current().user_id, item.chunk.chunk_id] = item.chunk
            self.sent[item.chunk.chunk_id] = self.sent.get(item.chunk.chunk_id, 0) + 1
        return retrieval_pb2.IndexChunksResponse(indexed_count=len(request.chunks))

    async def DeleteDocument(  # noqa: N802
        self, request: retrieval_pb2.DeleteDocumentRequest, context: Any
    ) -> retrieval_pb2.DeleteDocumentResponse:
        self.deletions += 1
        await self.hold.wait()
        for key, chunk in list(self.chunks.items()):
            if key[0] == current().user_id and chunk.document_id == request.document_id:
                del self.chunks[key]
        return retrieval_pb2.DeleteDocumentResponse()


class StandInGraph(graph_pb2_grpc.GraphServiceServicer):
    """Keeps the ids of chunks and counts calls; there is no graph while it is `off`."""

    def __init__(self) -> None:
        self.chunks: set[str] = set()
        self.calls = 0
        self.off = False

    async def AddChunks(  # noqa: N802
        self, request: graph_pb2.AddChunksRequest, context: Any
    ) -> graph_pb2.AddChunksResponse:
        self.calls += 1
        if self.off:
            raise FailedPrecondition("No graph is kept.", reason="GRAPH_OFF")
        self.chunks.update(chunk.chunk_id for chunk in request.chunks)
        return graph_pb2.AddChunksResponse(chunk_count=len(request.chunks))


@dataclass
class Neighbors:
    """The stand-ins and where they listen."""

    llm: StandInLlm = field(default_factory=StandInLlm)
    retrieval: StandInRetrieval = field(default_factory=StandInRetrieval)
    graph: StandInGraph = field(default_factory=StandInGraph)
    address: str = ""


@pytest.fixture
async def neighbors() -> AsyncIterator[Neighbors]:
    """One server that answers for the llm and the retrieval service."""
    both = Neighbors()
    app = App(
        name="neighbors",
        registrations=[
            Registration(llm_pb2_grpc.add_LlmServiceServicer_to_server, both.llm, "tiku.llm.v1.LlmService"),
            Registration(
                retrieval_pb2_grpc.add_RetrievalServiceServicer_to_server,
                both.retrieval,
                "tiku.retrieval.v1.RetrievalService",
            ),
            Registration(
                graph_pb2_grpc.add_GraphServiceServicer_to_server, both.graph, "tiku.retrieval.v1.GraphService"
            ),
        ],
    )
    async with running(app, "127.0.0.1:0") as server:
        both.address = server.address
        yield both


@pytest.fixture
def settings(docs_database: str, neighbors: Neighbors, tmp_path: Path) -> DocsSettings:
    """A service of its own: an empty database and an empty folder."""
    return DocsSettings(
        listen="127.0.0.1:0",
        postgres_dsn=docs_database,
        docs_objects_path=tmp_path / "objects",
        llm_target=neighbors.address,
        retrieval_target=neighbors.address,
        docs_index_retry_seconds=0.05,
        docs_index_batch=4,
        docs_job_heartbeat_seconds=1.0,
        docs_deletion_delay_seconds=1.0,
        drain_seconds=2.0,
    )


class Client:
    """A caller of the docs service, as one user."""

    def __init__(self, channel: grpc.aio.Channel, user: str = "dev") -> None:
        self.stub = docs_pb2_grpc.DocsServiceStub(channel)
        self._metadata = (("x-tiku-user", user),)

    async def upload(
        self,
        name: str,
        data: bytes,
        *,
        kind: docs_pb2.DocumentKind.ValueType = docs_pb2.DOCUMENT_KIND_UNSPECIFIED,
        parse: bool = False,
        part: int = 64 * 1024,
    ) -> docs_pb2.Document:
        async def requests() -> AsyncIterator[docs_pb2.UploadDocumentRequest]:
            description = docs_pb2.UploadDescription(name=name, kind=kind, parse=parse)
            yield docs_pb2.UploadDocumentRequest(description=description)
            for start in range(0, len(data), part):
                yield docs_pb2.UploadDocumentRequest(chunk=data[start : start + part])

        response = await self.stub.UploadDocument(requests(), metadata=self._metadata)
        return response.document

    async def get(self, document_id: str) -> docs_pb2.Document:
        request = docs_pb2.GetDocumentRequest(document_id=document_id)
        return (await self.stub.GetDocument(request, metadata=self._metadata)).document

    async def list(self, **fields: Any) -> docs_pb2.ListDocumentsResponse:
        return await self.stub.ListDocuments(docs_pb2.ListDocumentsRequest(**fields), metadata=self._metadata)

    async def delete(self, document_id: str) -> None:
        request = docs_pb2.DeleteDocumentRequest(document_id=document_id)
        await self.stub.DeleteDocument(request, metadata=self._metadata)

    async def parse(self, document_id: str) -> docs_pb2.Document:
        request = docs_pb2.ParseDocumentRequest(document_id=document_id)
        return (await self.stub.ParseDocument(request, metadata=self._metadata)).document

    async def download(
        self, document_id: str, offset: int = 0, length: int = 0
    ) -> tuple[docs_pb2.DownloadDescription, bytes]:
        request = docs_pb2.DownloadDocumentRequest(document_id=document_id, offset_bytes=offset, length_bytes=length)
        messages = [m async for m in self.stub.DownloadDocument(request, metadata=self._metadata)]
        return messages[0].description, b"".join(message.chunk for message in messages[1:])

    async def text(self, document_id: str, start: int = 0, end: int = 0) -> docs_pb2.GetDocumentTextResponse:
        request = docs_pb2.GetDocumentTextRequest(document_id=document_id, start=start, end=end)
        return await self.stub.GetDocumentText(request, metadata=self._metadata)

    async def watch(self, document_id: str, after: int = 0) -> AsyncIterator[docs_pb2.WatchDocumentResponse]:
        request = docs_pb2.WatchDocumentRequest(document_id=document_id, after=after)
        call = self.stub.WatchDocument(request, metadata=self._metadata, timeout=60)
        try:
            async for event in call:
                yield event
        finally:
            call.cancel()

    async def chunks(self, document_id: str, **fields: Any) -> docs_pb2.ListChunksResponse:
        request = docs_pb2.ListChunksRequest(document_id=document_id, **fields)
        return await self.stub.ListChunks(request, metadata=self._metadata)


@asynccontextmanager
async def serving(settings: DocsSettings) -> AsyncIterator[Callable[[str], Client]]:
    """The service in this process; yields what makes a client for a user."""
    async with AsyncExitStack() as stack:
        app = await build(settings, stack)
        server = await stack.enter_async_context(running(app, "127.0.0.1:0", settings))
        channel = await stack.enter_async_context(open_channel(server.address))

        def client_of(user: str) -> Client:
            return Client(channel, user)

        yield client_of


@pytest.fixture
async def client(settings: DocsSettings) -> AsyncIterator[Client]:
    """The development user's client of a fresh service."""
    async with serving(settings) as client_of:
        yield client_of("dev")


async def eventually(check: Callable[[], Awaitable[bool]], *, within: float = 60.0) -> None:
    """Waits until `check` holds."""
    async with asyncio.timeout(within):
        while not await check():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def stored_files(settings: DocsSettings) -> list[str]:
    """Every file below the service's folder, half-written ones included."""

    def found() -> list[str]:
        root = settings.docs_objects_path
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    return await asyncio.to_thread(found)


MARKDOWN = """# Photosynthesis

Plants turn light into sugar. Chlorophyll absorbs red and blue light. Oxygen is set free.

## 光合作用

植物把光能转化为化学能。叶绿素吸收红光和蓝光。水被分解，氧气被释放。

"""


def study_text(sections: int) -> bytes:
    """A Markdown document of that many sections, in English and Chinese."""
    parts = [MARKDOWN.replace("Photosynthesis", f"Photosynthesis {number}") for number in range(sections)]
    return "".join(parts).encode()
