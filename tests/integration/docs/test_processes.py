"""The docs service as a process: killed at any point it resumes, and it stays small."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.docs.settings import DocsSettings
from services.kit.channels import open_channel
from tests.integration.docs.conftest import Client, Neighbors, eventually, stored_files, study_text
from tiku.docs.v1 import docs_pb2

ROOT = Path(__file__).parents[3]
MAIN = """
import sys
from services.docs.app import build
from services.docs.settings import DocsSettings
from services.kit.process import run

run("docs", DocsSettings(), build)
heavy = {"torch", "pypdfium2", "pptx", "docx", "selectolax", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
_MIB = 1024 * 1024


class Service:
    """A running process of the service."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self.address = address

    async def memory(self) -> int:
        """Resident bytes of the service's own process."""
        statm = Path(f"/proc/{self.process.pid}/statm")
        pages = (await asyncio.to_thread(statm.read_text)).split()[1]
        return int(pages) * resource.getpagesize()

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 20)


@asynccontextmanager
async def started(settings: DocsSettings) -> AsyncIterator[Service]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}",
        "TIKU_LISTEN": "127.0.0.1:0",
        "TIKU_POSTGRES_DSN": settings.postgres_dsn.get_secret_value(),
        "TIKU_DOCS_OBJECTS_PATH": str(settings.docs_objects_path),
        "TIKU_LLM_TARGET": settings.llm_target,
        "TIKU_RETRIEVAL_TARGET": settings.retrieval_target,
        "TIKU_DOCS_INDEX_BATCH": "4",
        "TIKU_DOCS_INDEX_RETRY_SECONDS": "0.05",
        "TIKU_DOCS_JOB_HEARTBEAT_SECONDS": "1",
        "TIKU_DOCS_DELETION_DELAY_SECONDS": str(settings.docs_deletion_delay_seconds),
        "TIKU_BLOCKBUSTER": "true",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAIN, env=environment, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    lines: list[str] = []
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read() -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            lines.append(line.decode())
            found = re.search(r'"address": ?"([^"]+)"', lines[-1])
            if found and not listening.done():
                listening.set_result(found[1])
        if not listening.done():
            listening.set_exception(RuntimeError("".join(lines)))

    reader = asyncio.ensure_future(read())
    try:
        yield Service(process, await asyncio.wait_for(listening, 30))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await reader
        sys.stderr.write("".join(lines))


@asynccontextmanager
async def client_of(service: Service) -> AsyncIterator[Client]:
    async with open_channel(service.address) as channel:
        yield Client(channel)


@pytest.mark.parametrize("chunks_before", [0, 12])
async def test_a_killed_worker_resumes_and_nothing_is_indexed_twice(
    settings: DocsSettings, neighbors: Neighbors, chunks_before: int
) -> None:
    neighbors.llm.delay = neighbors.retrieval.delay = 0.05
    async with started(settings) as first, client_of(first) as client:
        document_id = (await client.upload("notes.md", study_text(40), parse=True)).document_id
        # 0: anywhere between the upload and the first batch.
        await eventually(lambda: _at_least(neighbors, chunks_before))
        await first.kill()
    sent_before = sum(neighbors.retrieval.sent.values())
    neighbors.llm.delay = neighbors.retrieval.delay = 0.0
    async with started(settings) as second, client_of(second) as client:
        events = [event async for event in client.watch(document_id)]
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert events[-1].HasField("indexed")
        document = await client.get(document_id)
        chunks = (await client.chunks(document_id)).chunks
        assert await second.stop() == 0
    assert document.chunk_count == len(chunks)
    assert [chunk.chunk_id for chunk in neighbors.retrieval.of(document_id)] == [c.chunk_id for c in chunks]
    # At most the batch that was on its way when the worker died was sent again, under the same ids.
    assert sum(neighbors.retrieval.sent.values()) - len(chunks) <= 4
    assert sent_before >= chunks_before


async def _at_least(neighbors: Neighbors, chunks: int) -> bool:
    return len(neighbors.retrieval.sent) >= chunks


async def test_a_service_killed_while_it_deletes_finishes_later(settings: DocsSettings, neighbors: Neighbors) -> None:
    async with started(settings) as first, client_of(first) as client:
        document_id = (await client.upload("notes.md", study_text(10), parse=True)).document_id
        _ = [event async for event in client.watch(document_id)]
        neighbors.retrieval.hold.clear()
        deletion = asyncio.ensure_future(client.delete(document_id))
        await eventually(lambda: _deleting(neighbors))
        await first.kill()
        await asyncio.gather(deletion, return_exceptions=True)
    neighbors.retrieval.hold.set()
    async with started(settings) as second, client_of(second) as client:
        assert list((await client.list()).documents) == []
        await eventually(lambda: _nothing(settings, neighbors), within=60)
        assert await second.stop() == 0


async def _deleting(neighbors: Neighbors) -> bool:
    return neighbors.retrieval.deletions > 0


async def _nothing(settings: DocsSettings, neighbors: Neighbors) -> bool:
    return not neighbors.retrieval.chunks and await stored_files(settings) == []


async def test_a_large_upload_and_download_take_no_memory(settings: DocsSettings) -> None:
    size, part = 200 * _MIB, 256 * 1024
    block = os.urandom(part)
    async with started(settings) as service, client_of(service) as client:
        await client.upload("warm.bin", block * 8, kind=docs_pb2.DOCUMENT_KIND_DOCUMENT)
        before = most = await service.memory()

        async def requests() -> AsyncIterator[docs_pb2.UploadDocumentRequest]:
            nonlocal most
            description = docs_pb2.UploadDescription(name="large.bin", kind=docs_pb2.DOCUMENT_KIND_DOCUMENT)
            yield docs_pb2.UploadDocumentRequest(description=description)
            for _ in range(size // part):
                most = max(most, await service.memory())
                yield docs_pb2.UploadDocumentRequest(chunk=block)

        stored = (await client.stub.UploadDocument(requests(), timeout=120)).document
        assert stored.size_bytes == size
        assert before < 150 * _MIB
        assert most - before <= 16 * _MIB, f"the upload took {(most - before) / _MIB:.1f} MiB"

        request = docs_pb2.DownloadDocumentRequest(document_id=stored.document_id)
        received = 0
        async for message in client.stub.DownloadDocument(request, timeout=120):
            received += len(message.chunk)
            most = max(most, await service.memory())
        assert received == size
        assert most - before <= 16 * _MIB, f"the download took {(most - before) / _MIB:.1f} MiB"
        assert await service.stop() == 0
