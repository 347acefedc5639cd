"""`tiku up` as a process, and its REST API as a client sees it: JSON in, JSON and numbered events out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from services.embedded.python import module_environment
from services.kit.sse import EventDecoder
from tests.processes import descendants, gone

REPOSITORY = Path(__file__).parents[2]
EMBEDDING_MODEL = "multilingual-e5-small"
_UP_SECONDS = 120.0
_DOWN_SECONDS = 60.0
_CALL_SECONDS = 60.0
_JOB_SECONDS = 120.0
# Variables of the caller's that would exchange a part of the stack under test for something else. What would count its
# lines is not inherited either: tests look at how fast it is.
_NOT_INHERITED = re.compile(r"TIKU_(?!MODELS_DIR$)")


class RefusedError(Exception):
    """A call that was answered with a problem."""

    def __init__(self, status: int, problem: dict[str, Any], content_type: str) -> None:
        super().__init__(f"{status} {problem}")
        self.status = status
        self.problem = problem
        self.content_type = content_type

    @property
    def reason(self) -> str:
        """The problem's stable reason."""
        return str(self.problem.get("reason"))

    @property
    def fields(self) -> list[str]:
        """The fields that the problem names."""
        return [error["field"] for error in self.problem.get("errors", [])]


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream, its data as JSON."""

    name: str
    data: dict[str, Any]
    number: int


class Rest:
    """The REST API of one gateway, without any of Tiku's own client code but the parser of events."""

    def __init__(self, http: aiohttp.ClientSession, gateway: str) -> None:
        self._http = http
        self.gateway = gateway

    async def call(
        self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None, **request: Any
    ) -> Any:
        """The JSON answer of one call under /api/v1; RefusedError for a status of 400 and more."""
        if body is not None:
            request["json"] = body
        timeout = aiohttp.ClientTimeout(total=request.pop("seconds", _CALL_SECONDS))
        url = f"{self.gateway}/api/v1{path}"
        async with self._http.request(method, url, headers=headers, timeout=timeout, **request) as answer:
            await _checked(answer)
            return await answer.json()

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None, **request: Any
    ) -> AsyncIterator[AsyncGenerator[Event, None]]:
        """The events of one call; the connection is closed with the block."""
        if body is not None:
            request["json"] = body
        url = f"{self.gateway}/api/v1{path}"
        timeout = aiohttp.ClientTimeout(total=None, sock_read=_CALL_SECONDS)
        async with self._http.request(method, url, headers=headers, timeout=timeout, **request) as answer:
            await _checked(answer)
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            try:
                async with aclosing(_events(answer)) as events:
                    yield events
            finally:
                # Not back into the pool: a stream that was left is a connection that ends.
                answer.close()

    async def events(self, method: str, path: str, body: object = None, **request: Any) -> list[Event]:
        """Every event of one call."""
        async with self.stream(method, path, body, **request) as events:
            return [event async for event in events]

    async def upload(
        self, name: str, data: Any, *, kind: str = "DOCUMENT_KIND_MATERIAL", parse: bool = True, **request: Any
    ) -> dict[str, Any]:
        """Stores a file, sent as the body; gives the document."""
        params = {"name": name, "kind": kind, "parse": str(parse).lower()}
        headers = {"Content-Type": "application/octet-stream"}
        answer = await self.call("POST", "/documents", data=data, params=params, headers=headers, **request)
        document: dict[str, Any] = answer["document"]
        return document

    async def watch(self, document_id: str, **request: Any) -> list[Event]:
        """The events of a document's job, to its end."""
        async with asyncio.timeout(_JOB_SECONDS):
            return await self.events("GET", f"/documents/{document_id}/events", **request)

    async def indexed(self, name: str, data: Any) -> dict[str, Any]:
        """Uploads a file and waits until it is indexed; gives the document as it is then."""
        stored = await self.upload(name, data)
        last = (await self.watch(stored["document_id"]))[-1]
        assert last.name == "indexed", last
        document: dict[str, Any] = last.data["document"]
        return document

    async def text(self, document_id: str, start: int, end: int) -> str:
        """The slice [start, end) of a document's normalized text."""
        params = {"start": str(start), "end": str(end)}
        return str((await self.call("GET", f"/documents/{document_id}/text", params=params))["text"])

    async def documents(self) -> list[dict[str, Any]]:
        """Every document that is listed, page by page."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            page = await self.call("GET", "/documents", params={"page_size": "100", "page_token": token})
            found += page["documents"]
            token = page["next_page_token"]
            if not token:
                return found


async def _checked(answer: aiohttp.ClientResponse) -> None:
    if answer.status >= 400:
        raw = await answer.read()
        problem = json.loads(raw) if raw else {}
        raise RefusedError(answer.status, problem, answer.headers.get("Content-Type", ""))


async def _events(answer: aiohttp.ClientResponse) -> AsyncGenerator[Event, None]:
    decoder = EventDecoder()
    async for piece in answer.content.iter_any():
        for event in decoder.feed(piece):
            yield Event(event.name, json.loads(event.data), int(event.id or 0))


@dataclass(frozen=True, slots=True)
class Up:
    """A running `tiku up`."""

    process: asyncio.subprocess.Process
    data: Path
    rest: Rest

    async def state(self) -> dict[str, Any]:
        """What it wrote about itself: addresses, process ids, engines."""
        raw = await asyncio.to_thread((self.data / "run" / "stack.json").read_text)
        found: dict[str, Any] = json.loads(raw)
        return found

    async def family(self) -> set[int]:
        """The ids of it and of every process below it."""
        return {self.process.pid, *await descendants(self.process.pid)}

    async def kill(self) -> None:
        """Ends every process of the stack at once, as a power cut does."""
        family = await self.family()
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.process.wait()
        await gone(family)

    async def stop(self) -> int | None:
        """Asks it to stop and waits until nothing of it runs; gives its exit code."""
        family = await self.family()
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(_DOWN_SECONDS):
            await self.process.wait()
        await gone(family)
        return self.process.returncode


async def command(
    data: Path, *arguments: str, module: str = "services", counted: bool = False, **environment: str
) -> asyncio.subprocess.Process:
    """Starts `tiku` with arguments; its output is one stream. `module` is what Python runs.

    Its lines are `counted` where its speed does not matter.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not _NOT_INHERITED.match(name) and (counted or not name.startswith("COVERAGE_"))
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=data.parent,
        env={**kept, **module_environment(), **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@asynccontextmanager
async def running(data: Path, *options: str, module: str = "services", **environment: str) -> AsyncIterator[Up]:
    """Brings a stack up on a data folder for the block, blockbuster in every process of it."""
    always = ("--data", str(data), "--port", "0", "--ports", "free", "--blockbuster")
    process = await command(data, "up", *always, *options, module=module, counted=False, **environment)
    assert process.stdout is not None
    said = b""
    draining: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(_UP_SECONDS):
            async for line in process.stdout:
                said += line
                if b"Tiku is ready" in line:
                    break
            else:
                raise RuntimeError(f"the stack did not come up:\n{said.decode()}\n{await _logs(data)}")
        draining = asyncio.create_task(process.stdout.read())
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            up = Up(process, data, Rest(http, ""))
            up.rest.gateway = (await up.state())["gateway"]
            yield up
            if process.returncode is None:
                await up.stop()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if draining is not None:
            await draining


async def _logs(data: Path) -> str:
    """The last lines of every process' log."""

    def read() -> str:
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in sorted((data / "logs").glob("*.log")))

    return await asyncio.to_thread(read)


async def points(url: str, document_id: str) -> int:
    """How many points of a document a vector store holds, over all its collections."""

    def count() -> int:
        from qdrant_client import QdrantClient, models  # It takes a second, in each process that collects tests.

        client = QdrantClient(
            host="127.0.0.1", grpc_port=int(url.rpartition(":")[2]), prefer_grpc=True, check_compatibility=False
        )
        wanted = models.FieldCondition(key="document_id", match=models.MatchValue(value=document_id))
        only = models.Filter(must=[wanted])
        with contextlib.closing(client):
            names = [collection.name for collection in client.get_collections().collections]
            return sum(client.count(name, count_filter=only).count for name in names)

    # The client reads files while it is made.
    return await asyncio.to_thread(count)
