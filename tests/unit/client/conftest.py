"""A gateway of a few lines: it answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.client.rest import TikuClient


def event(name: str, data: dict[str, Any], number: int = 0) -> bytes:
    identified = b"id: %d\n" % number if number else b""
    return b"event: %s\n%sdata: %s\n\n" % (name.encode(), identified, orjson.dumps(data))


@dataclass
class Asked:
    """One request as the gateway saw it."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    timeout: str
    languages: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Gateway:
    """Answers in the order they were put in: JSON with a status, or a list of pieces of an event stream."""

    address: str = ""
    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    left_early: int = 0

    def will_answer(self, members: dict[str, Any], status: int = 200) -> None:
        self.answers.append((status, members))

    def will_stream(self, *pieces: bytes) -> None:
        self.answers.append((200, pieces))

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        timeout, languages = request.headers["X-Request-Timeout"], request.headers.get("Accept-Language", "")
        self.asked.append(Asked(request.method, request.path, dict(request.query), body, timeout, languages))
        status, answer = self.answers.pop(0)
        if isinstance(answer, dict):
            return web.json_response(answer, status=status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in answer:
            await response.write(piece)
        return response


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    state = Gateway()
    application = web.Application(client_max_size=1 << 24)
    application.router.add_route("*", "/{path:.*}", state.serve)
    async with TestServer(application) as server:
        state.address = str(server.make_url("")).rstrip("/")
        yield state


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[TikuClient]:
    async with TikuClient.open(gateway.address, resume_pause_seconds=0) as client:
        yield client


MakeProblem = Callable[..., dict[str, Any]]


@pytest.fixture
def problem() -> MakeProblem:
    def make(**changes: Any) -> dict[str, Any]:
        return {
            "type": "urn:tiku:problem:invalid-argument",
            "title": "Bad Request",
            "status": 400,
            "detail": "The request breaks a rule.",
            "reason": "INVALID_ARGUMENT",
            "request_id": "r-1",
            "errors": [{"field": "count", "message": "must be at most 50"}],
        } | changes

    return make
