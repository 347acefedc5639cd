"""Connections to a provider, on a server that writes what a case says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.llm.adapters.providers.connections import Body, ConnectError, Connections, MalformedAnswerError
from tests.waiting import eventually

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHi"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Server:
    """Writes the next of its answers to each request, and closes behind one where it says so."""

    def __init__(self, answers: list[tuple[bytes, bool]]) -> None:
        self.answers = answers
        self.connections = 0
        self.heads: list[bytes] = []
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.connections += 1
        self.open += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(2)
                self.heads.append(head)
                answer, closes = self.answers.pop(0)
                writer.write(answer)
                if closes:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            self.open -= 1


@asynccontextmanager
async def serving(*answers: tuple[bytes, bool], key: str = "") -> AsyncIterator[tuple[Server, Connections]]:
    server = Server(list(answers))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening, Connections.open(f"http://127.0.0.1:{port}/v1", key) as connections:
        yield server, connections


async def asked(connections: Connections, timeout: float = 5) -> bytes:
    async with connections.post("/chat", b"{}", timeout) as answer:
        return b"".join([piece async for piece in Body(answer, is_stream=False)])


async def test_a_connection_serves_one_request_after_another() -> None:
    async with serving((WHOLE, False), (CHUNKED + b"2\r\nHo\r\n0\r\n\r\n", False), key="k") as (server, connections):
        assert [await asked(connections), await asked(connections)] == [b"Hi", b"Ho"]
        assert server.connections == 1
        assert server.heads[1].startswith(b"POST /v1/chat HTTP/1.1\r\n")
        assert b"Authorization: Bearer k\r\n" in server.heads[1]
        assert b"Content-Length: 2\r\n" in server.heads[1]


async def test_calls_at_once_have_connections_of_their_own() -> None:
    async with serving((WHOLE, False), (WHOLE, False)) as (server, connections):
        both = await asyncio.gather(asked(connections), asked(connections))
        assert list(both) == [b"Hi", b"Hi"]
        assert server.connections == 2
    await eventually(lambda: server.open == 0)


async def test_a_connection_that_ended_while_idle_is_replaced() -> None:
    async with serving((WHOLE, True), (WHOLE, False)) as (server, connections):
        await asked(connections)
        await eventually(lambda: server.open == 0)
        await asyncio.sleep(0.01)
        assert await asked(connections) == b"Hi"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + WHOLE,
        b"HTTP/1.1 200 OK\r\n\r\nHi",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nHi",
        WHOLE + b"HTTP/1.1 200 OK\r\n",
    ],
    ids=["informational", "until the end", "close", "more than asked"],
)
async def test_what_ends_a_connection_ends_no_answer(answer: bytes) -> None:
    closes = b"ontent-" not in answer
    async with serving((answer, closes), (WHOLE, False)) as (_, connections):
        assert [await asked(connections), await asked(connections)] == [b"Hi", b"Hi"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", ConnectionResetError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHi", ConnectionResetError),
        (CHUNKED + b"2\r\nHi\r\n", ConnectionResetError),
        (CHUNKED + b"x\r\nHi\r\n", ConnectionResetError),
        (b"SMTP ready\r\n", MalformedAnswerError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 400_000, MalformedAnswerError),
    ],
    ids=["nothing", "short", "no last chunk", "no chunk", "no HTTP", "endless head"],
)
async def test_what_is_no_whole_answer_is_an_error(answer: bytes, error: type[Exception]) -> None:
    async with serving((answer, True)) as (_, connections):
        with pytest.raises(error):
            await asked(connections)


async def test_time_runs_out_at_each_step() -> None:
    async with serving((b"", False), (CHUNKED + b"2\r\nHi\r\n", False)) as (server, connections):
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asked(connections, 0.05)
        await eventually(lambda: server.open == 0)


async def test_tokens_of_a_fast_stream_are_read_together() -> None:
    tokens = b"".join(b"1\r\n%d\r\n" % (number % 10) for number in range(200))
    async with (
        serving((CHUNKED + tokens + b"0\r\n\r\n", False)) as (_, connections),
        connections.post("/chat", b"{}", 5) as answer,
    ):
        pieces = [piece async for piece in Body(answer, is_stream=True)]
    assert b"".join(pieces) == b"0123456789" * 20
    assert len(pieces) < 10


async def test_where_nobody_listens_the_error_says_so() -> None:
    async with serving() as (_, connections):
        pass
    with pytest.raises(ConnectError):
        await asked(connections)


@pytest.mark.parametrize("key", ["a\r\nX-Evil: 1", "schlüssel€"])
async def test_a_key_that_no_header_can_hold_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"key|latin-1"):
        async with Connections.open("http://127.0.0.1:1/v1", key):
            pass
