"""A provider on loopback that reads files, in the dialects of DashScope, Kimi and OpenAI, and fails where it is told.

It knows what it still has: `files` is what a caller left behind.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

Work = Callable[[], Awaitable[web.StreamResponse]]

PURPOSES = {"dashscope": "file-extract", "kimi": "file-extract", "openai": "user_data"}
BEGINS = {"dashscope": "processing", "kimi": "processing", "openai": "uploaded"}
READY = {"dashscope": "processed", "kimi": "ok", "openai": "processed"}


@dataclass(frozen=True)
class Fault:
    """How one step goes wrong: with a status, without an answer, or cut; before or after it did its work."""

    status: int = 0
    hang: bool = False
    done: bool = False
    """Whether the work is done all the same."""


@dataclass
class Kept:
    """A file that the provider has."""

    name: str
    data: bytes
    looks: int
    """How many looks it takes until it is ready."""


class FileProvider:
    """The server; an async context manager. `faults` are the next ones of each step."""

    def __init__(self, dialect: str, looks: int = 1) -> None:
        self.dialect = dialect
        self.looks = looks
        self.unreadable = False
        self.files: dict[str, Kept] = {}
        self.faults: dict[str, deque[Fault]] = {}
        self.steps: list[str] = []
        self.reached: dict[str, asyncio.Event] = {}
        """Set once a step was asked for."""
        self.asked: list[dict[str, Any]] = []
        self.read: list[bytes] = []
        """What of each question's file was read."""
        self.begun: list[str] = []
        """Names of files whose upload it gave up."""
        self.answer = "It says so."
        self.pieces = 0
        self.base_url = ""
        self._ids = 0
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/v1/files", self._step("upload", self._upload))
        app.router.add_get("/v1/files", self._step("list", self._list))
        app.router.add_get("/v1/files/{id}", self._step("look", self._look))
        app.router.add_get("/v1/files/{id}/content", self._step("content", self._content))
        app.router.add_delete("/v1/files/{id}", self._step("delete", self._delete))
        app.router.add_post("/v1/chat/completions", self._step("ask", self._ask))
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.01)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def keep(self, name: str) -> None:
        """Put a file there that somebody else left."""
        self._ids += 1
        self.files[f"file-{self._ids}"] = Kept(name, b"", 0)

    def fail(self, step: str, *faults: Fault) -> None:
        """Have the next ones of a step fail."""
        self.faults.setdefault(step, deque()).extend(faults)

    async def step(self, step: str) -> None:
        """Wait until a step is asked for."""
        await self.reached.setdefault(step, asyncio.Event()).wait()

    def _step(self, step: str, work: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
        async def handler(request: web.Request) -> web.StreamResponse:
            self.steps.append(step)
            self.reached.setdefault(step, asyncio.Event()).set()
            waiting = self.faults.get(step)
            fault = waiting.popleft() if waiting else None
            if fault is None:
                return await work(request)
            if step == "upload" and not (fault.done or fault.hang):
                async for part in await request.multipart():
                    if name := getattr(part, "filename", None):
                        self.begun.append(name)
                    await part.read()  # type: ignore[union-attr]
            if fault.done:
                await work(request)
            if fault.hang:
                await asyncio.Event().wait()
            if fault.status:
                return web.json_response({"error": {"message": "no"}}, status=fault.status)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        return handler

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        purpose, name, data = "", "", bytearray()
        async for part in await request.multipart():
            assert not isinstance(part, web.BaseRequest)
            if getattr(part, "name", None) == "purpose":
                purpose = (await part.read()).decode()  # type: ignore[union-attr]
            else:
                name = part.filename or ""  # type: ignore[union-attr]
                while piece := await part.read_chunk(65_536):  # type: ignore[union-attr]
                    self.pieces += 1
                    data += piece
        if purpose != PURPOSES[self.dialect]:
            return web.json_response({"error": {"message": f"purpose {purpose!r} is not supported"}}, status=400)
        self._ids += 1
        file_id = f"file-{self._ids}"
        self.files[file_id] = Kept(name, bytes(data), self.looks)
        return web.json_response(self._row(file_id))

    def _row(self, file_id: str) -> dict[str, Any]:
        kept = self.files[file_id]
        status = BEGINS[self.dialect] if kept.looks else READY[self.dialect]
        if self.unreadable and not kept.looks:
            status = "error"
        return {
            "id": file_id,
            "object": "file",
            "bytes": len(kept.data),
            "created_at": int(time.time()),
            "filename": kept.name,
            "purpose": PURPOSES[self.dialect],
            "status": status,
        }

    async def _look(self, request: web.Request) -> web.StreamResponse:
        kept = self.files.get(request.match_info["id"])
        if kept is None:
            return web.json_response({"error": {"message": "no such file"}}, status=404)
        kept.looks = max(0, kept.looks - 1)
        return web.json_response(self._row(request.match_info["id"]))

    async def _content(self, request: web.Request) -> web.StreamResponse:
        kept = self.files[request.match_info["id"]]
        return web.json_response({"content": kept.data.decode("latin-1"), "filename": kept.name, "file_type": "x"})

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        file_id = request.match_info["id"]
        if self.files.pop(file_id, None) is None:
            return web.json_response({"error": {"message": "no such file"}}, status=404)
        return web.json_response({"id": file_id, "object": "file", "deleted": True})

    async def _list(self, request: web.Request) -> web.StreamResponse:
        ids = list(self.files)
        if self.dialect != "kimi":  # Which has no pages.
            after, limit = request.query.get("after"), min(2, int(request.query.get("limit", "2")))
            ids = ids[ids.index(after) + 1 :] if after in ids else ids
            page = ids[:limit]
            rows = [self._row(file_id) for file_id in page]
            return web.json_response({"object": "list", "data": rows, "has_more": len(ids) > limit})
        return web.json_response({"object": "list", "data": [self._row(file_id) for file_id in ids]})

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        data = self._referred(body["messages"])
        if data is None:
            return web.json_response({"error": {"message": "Invalid file reference"}}, status=400)
        self.read.append(data)
        usage = {"prompt_tokens": len(data), "completion_tokens": 3, "total_tokens": len(data) + 3}
        choice = {"index": 0, "message": {"role": "assistant", "content": self.answer}, "finish_reason": "stop"}
        return web.json_response({"choices": [choice], "usage": usage})

    def _referred(self, messages: list[dict[str, Any]]) -> bytes | None:
        """The bytes of the file that a conversation is about, where it is named as the dialect wants it."""
        if [message["role"] for message in messages][:1] != ["system"]:
            return None
        if self.dialect == "openai":
            parts = [part for part in messages[-1]["content"] if part["type"] == "file"]
            kept = self.files.get(parts[0]["file"]["file_id"]) if parts else None
            return kept.data if kept else None
        if messages[1]["role"] != "system":
            return None
        second = messages[1]["content"]
        if self.dialect == "kimi":
            return str(json.loads(second)["content"]).encode("latin-1")
        kept = self.files.get(second.removeprefix("fileid://")) if second.startswith("fileid://") else None
        return kept.data if kept and not kept.looks else None
