"""Connections to a provider, on a server that writes what a case says."""

from __future__ import annotations

import asyncio
import gzip
import zlib
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
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.connections += 1
        self.open += 1
        self.writers.append(writer)
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
async def serving(
    *answers: tuple[bytes, bool], key: str = "", url: str = "http://127.0.0.1:{}/v1"
) -> AsyncIterator[tuple[Server, Connections]]:
    server = Server(list(answers))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening, Connections.open(url.format(port), key) as connections:
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


async def test_a_request_that_met_the_end_of_an_idle_connection_is_sent_once_more() -> None:
    async with serving((WHOLE, False), (b"", True), (WHOLE, False)) as (server, connections):
        assert [await asked(connections), await asked(connections)] == [b"Hi", b"Hi"]
        assert (server.connections, len(server.heads)) == (2, 3)


@pytest.mark.parametrize(
    ("answers", "heads"),
    [
        ([(b"", True)], 1),
        ([(WHOLE, False), (b"", True), (b"", True)], 3),
        ([(WHOLE, False), (b"HTTP/1.1 2", True)], 2),
        ([(WHOLE, False), (CHUNKED, True)], 2),
    ],
    ids=["a new connection", "once", "a part of a head", "a head"],
)
async def test_a_request_that_a_provider_may_have_read_is_not_sent_again(
    answers: list[tuple[bytes, bool]], heads: int
) -> None:
    async with serving(*answers) as (server, connections):
        with pytest.raises(ConnectionResetError):
            while True:
                await asked(connections)
        assert len(server.heads) == heads


async def test_an_answer_that_nobody_asked_for_is_nobodys() -> None:
    async with serving((WHOLE, False), (WHOLE, False)) as (server, connections):
        await asked(connections)
        server.writers[0].write(WHOLE.replace(b"Hi", b"No"))  # It is in the socket, and the loop does not know.
        assert await asked(connections) == b"Hi"
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nHi",
        b"HTTP/1.1 200 OK\r\nX-A: a\r\n  b\r\nContent-Length: 2\r\n\r\nHi",
        CHUNKED + b"2  \r\nHi\r\n0\r\nContent-Encoding: gzip\r\n\r\n",
        CHUNKED + b'2;a="b"\r\nHi\r\n0\r\n\r\n',
        b"HTTP/1.1 200 OK\r\nContent-Encoding: X-GZip\r\n\r\n" + gzip.compress(b"Hi"),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"H") + gzip.compress(b"i"),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(b"Hi"),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(b"Hi", wbits=-15),
    ],
    ids=["no CR", "a folded header", "spaces", "an extension", "gzip", "gzip twice", "deflate", "bare deflate"],
)
async def test_what_lax_servers_send_is_read(answer: bytes) -> None:
    async with serving((answer, True)) as (_, connections):
        assert await asked(connections) == b"Hi"


async def test_data_that_unpack_to_nothing_yet_are_no_end() -> None:
    packed, head = gzip.compress(b"Hi"), CHUNKED[:-2] + b"Content-Encoding: gzip\r\n\r\n"
    begin = head + b"a\r\n" + packed[:10] + b"\r\n"
    async with serving((begin, False)) as (server, connections), connections.post("/chat", b"{}", 5) as answer:
        reading = asyncio.create_task(answer.read())
        await asyncio.sleep(0.01)
        assert not reading.done()
        server.writers[0].write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed) - 10, packed[10:]))
        assert await reading == b"Hi"


async def test_an_answer_before_all_was_sent_counts() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\n\r\ntoo much")
        writer.write_eof()
        await refused.wait()
        writer.close()

    refused = asyncio.Event()
    listening = await asyncio.start_server(refuse, "127.0.0.1", 0, limit=1024)
    port = listening.sockets[0].getsockname()[1]
    async with listening, Connections.open(f"http://127.0.0.1:{port}", "") as connections:
        async with connections.post("/chat", b"x" * 8_000_000, 5) as answer:
            assert (answer.status, await answer.read_told(100)) == (413, b"too much")
        refused.set()


async def test_what_a_provider_says_of_a_failure_may_be_cut() -> None:
    answer = b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 99\r\n\r\nsl"
    async with serving((answer, True)) as (_, connections), connections.post("/chat", b"{}", 5) as told:
        assert (told.status, told.headers["retry-after"], await told.read_told(100)) == (429, "7", b"sl")


@pytest.mark.parametrize(
    ("url", "line", "authorization"),
    [
        ("http://127.0.0.1:{}/a/v1/", b"/a/v1/chat", b"Bearer k"),
        ("http://127.0.0.1:{}/v1/?api-version=1", b"/v1/chat?api-version=1", b"Bearer k"),
        ("http://me:a%40b@127.0.0.1:{}", b"/chat", b"Basic bWU6YUBi"),
    ],
)
async def test_addresses_may_have_paths_queries_and_users(url: str, line: bytes, authorization: bytes) -> None:
    async with serving((WHOLE, False), key="k", url=url) as (server, connections):
        await asked(connections)
        assert server.heads[0].startswith(b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:" % line)
        assert b"Authorization: %b\r\n" % authorization in server.heads[0]


async def test_https_in_capitals_is_https() -> None:
    async with serving((WHOLE, False), key="k", url="HTTPS://127.0.0.1:{}") as (server, connections):
        with pytest.raises(ConnectError):
            await asked(connections)
        assert not server.heads


async def test_an_address_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = Connections._connect
    left: list[str] = []

    async def one(self: Connections, host: str, port: int) -> object:
        if host != "127.0.0.1":
            try:
                await asyncio.Event().wait()
            finally:
                left.append(host)
        return await connect(self, host, port)

    async def found(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [("", "", "", "", (host, port)) for host in ("192.0.2.1", "127.0.0.1")]

    async with serving((WHOLE, False)) as (_, connections):
        port = connections._port
        monkeypatch.setattr(Connections, "_connect", one)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
        async with asyncio.timeout(2):  # A share of the time to connect would be longer.
            assert await asked(connections) == b"Hi"
        await eventually(lambda: left == ["192.0.2.1"])


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
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nHi", MalformedAnswerError),
        (b"SMTP ready\r\n", MalformedAnswerError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 400_000, MalformedAnswerError),
    ],
    ids=["nothing", "short", "no last chunk", "no chunk", "no gzip", "no HTTP", "endless head"],
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
