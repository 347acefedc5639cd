"""Sizes and time: heads, what frames bodies, slow senders, slow readers, and how much one client may hold."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

import aiohttp
import orjson
import pytest

from gateway.app import running
from gateway.protocol import GuardedProtocol
from gateway.uploads import PIECE_BYTES
from tests.fakes.grpc_services import fake_services
from tests.integration.gateway.conftest import Stack, settings_for
from tests.integration.gateway.raw import CHAT, HEAD, POST, Seen, pieces_of, sent
from tests.waiting import eventually, loop_time

CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%s\r\n" % (len(CHAT), CHAT)
UPLOAD = b"POST /api/v1/documents?name=a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
FORM = UPLOAD.replace(b"application/octet-stream", b"multipart/form-data; boundary=b")
JSON = {"Content-Type": "application/json"}
FILE = {"Content-Type": "application/octet-stream"}


@contextlib.asynccontextmanager
async def impatient(service_calls: int = 5000, **changes: object) -> AsyncIterator[Stack]:
    """A gateway that waits for half a second where others wait for ten, over services that serve so many calls."""
    waits = {"head_timeout_seconds": 0.5, "body_stall_seconds": 0.5, "send_stall_seconds": 0.5}
    async with (
        fake_services(max_in_flight=service_calls) as services,
        running(settings_for(services, **{**waits, **changes})) as gateway,
        aiohttp.ClientSession(gateway.url) as http,
    ):
        yield Stack(gateway.url, http, services)


async def held(stack: Stack, number: int, headers: dict[str, str]) -> list[asyncio.Task[aiohttp.ClientResponse]]:
    """Ask for streams that do not begin, until the service has them all."""
    stack.script.pause = 30
    asking = [
        asyncio.create_task(stack.http.post("/api/v1/chat:stream", data=CHAT, headers=headers)) for _ in range(number)
    ]
    await eventually(lambda: len(stack.script.requests) == number)
    return asking


async def ended(asking: list[asyncio.Task[aiohttp.ClientResponse]]) -> None:
    """Leave streams."""
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"a: " + b"x" * 70_000 + b"\r\n\r\n",
        HEAD + b"cookie: " + b"x" * 3_000_000,
        HEAD + b"b" * 200_000,
        HEAD + b"".join(b"x-%d: %d\r\n" % (n, n) for n in range(6_000)) + b"\r\n",
        HEAD + b"a:\r\n" * 200_000,
        b"GET /" + b"y" * 400_000,
        b"GET /healthz?" + b"q=1&" * 17_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\r\n" * 60_000,
        b"GET " + b" " * 100_000,
    ],
    ids=["one header", "endless value", "endless name", "many", "many small", "path", "query", "blank lines", "spaces"],
)
@pytest.mark.parametrize("size", [1_000_000_000, 60_000, 1_460], ids=["at once", "in parts", "in packets"])
async def test_a_head_without_end_is_refused(stack: Stack, head: bytes, size: int) -> None:
    seen = await sent(stack.url, *pieces_of(head, size))
    assert seen.closed
    assert seen.statuses in ([431], [400], [])
    if seen.statuses == [431]:
        assert b"application/problem+json" in seen.text
        assert b"HEAD_TOO_LARGE" in seen.text


@pytest.mark.parametrize("size", [1_000, 30_000, 60_000, 65_000])
async def test_a_long_head_within_the_limit_is_served(stack: Stack, size: int) -> None:
    for pieces in ([HEAD + b"a: " + b"x" * size + b"\r\n\r\n"], [HEAD, b"a: ", b"x" * size, b"\r\n\r\n"]):
        assert (await sent(stack.url, *pieces, until=1, pause=0.01)).statuses == [200]


async def test_a_second_head_on_a_connection_has_the_same_limit(stack: Stack) -> None:
    long = HEAD + b"a: " + b"x" * 90_000 + b"\r\n\r\n"
    seen = await sent(stack.url, HEAD + b"\r\n", long, pause=0.2)
    assert (seen.statuses, seen.closed) == ([200, 431], True)
    seen = await sent(stack.url, HEAD + b"\r\n" + long)
    assert (seen.statuses, seen.closed) in [([200], True), ([200, 431], True)]


@pytest.mark.parametrize(
    "body",
    [
        b"%x;%s\r\n" % (len(CHAT), b"e" * 300_000) + CHAT + b"\r\n0\r\n\r\n",
        b"".join(b"1;%s\r\n%c\r\n" % (b"e" * 3_000, c) for c in CHAT) + b"0\r\n\r\n",
        CHUNK + b"0\r\nt: " + b"x" * 300_000 + b"\r\n\r\n",
        CHUNK + b"0\r\n" + b"t: x\r\n" * 60_000 + b"\r\n",
        b"0" * 300_000,
        b"fffffffffffffffffff\r\n",
        b"-1\r\nx\r\n",
    ],
    ids=["extension", "many extensions", "trailer", "trailers", "size in zeros", "size too large", "no size"],
)
@pytest.mark.parametrize("size", [1_000_000_000, 20_000], ids=["at once", "in parts"])
async def test_what_frames_a_body_is_bounded(stack: Stack, body: bytes, size: int) -> None:
    seen = await sent(stack.url, *pieces_of(CHUNKED + body, size))
    assert seen.closed
    assert seen.statuses in ([400], [])
    assert stack.script.requests == []


async def test_chunks_of_one_byte_are_a_body(stack: Stack) -> None:
    one_by_one = b"".join(b"1\r\n%c\r\n" % byte for byte in CHAT + b" " * 40_000) + b"0\r\n\r\n"
    assert (await sent(stack.url, CHUNKED + one_by_one, until=1, wait=60)).statuses == [200]


async def test_a_trailer_is_no_header(stack: Stack) -> None:
    trailed = CHUNKED + CHUNK + b"0\r\nx-request-timeout: never\r\nhost: evil.example\r\n\r\n"
    seen = await sent(stack.url, trailed + HEAD + b"\r\n", until=2)
    assert seen.statuses == [200, 200]


async def test_requests_in_a_row_are_answered_in_order(stack: Stack) -> None:
    seen = await sent(stack.url, (HEAD + b"\r\n") * 5 + b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", until=6)
    assert seen.statuses == [200] * 5 + [404]


async def test_a_connection_that_ended_is_forgotten_without_the_collector(stack: Stack) -> None:
    gc.collect()
    gc.disable()
    try:
        for request in (POST + b"Content-Length: %d\r\n\r\n" % len(CHAT) + CHAT, b"GET /healthz HTTP/1.1\r\n\r\n" * 3):
            await sent(stack.url, request + b"nonsense\r\n\r\n")
        stack.script.pause = 30
        await ended(await held(stack, 1, JSON))
        await eventually(lambda: not [one for one in gc.get_objects() if type(one) is GuardedProtocol])
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "noise",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(range(256)), b"{}\r\n\r\n",
     HEAD + b"a: b\0c\r\n\r\n", HEAD + b" folded\r\n\r\n", HEAD + b"no colon\r\n\r\n",
     POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", POST + b"Content-Length: -1\r\n\r\n",
     POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"],
)  # fmt: skip
async def test_what_is_no_request_is_said_to_be_none(
    stack: Stack, noise: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    seen = await sent(stack.url, noise)
    assert (seen.statuses, seen.closed) == ([400], True)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", 403),
        (b"Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n", 403),
        (b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", 200),
        (b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n", 400),
    ],
)
async def test_no_other_protocol_is_spoken(stack: Stack, more: bytes, status: int) -> None:
    assert (await sent(stack.url, HEAD + more + b"\r\n", until=1)).statuses == [status]


async def test_an_endless_header_holds_nobody_up(stack: Stack) -> None:
    stop = time.monotonic() + 2
    taken = 0

    async def attack() -> None:
        nonlocal taken
        while time.monotonic() < stop:
            seen = await sent(stack.url, HEAD + b"a: ", *[b"x" * 65_536] * 1_600)
            taken += seen.closed

    async def ask() -> float:
        async with loop_time() as seconds:
            assert (await stack.http.get("/healthz")).status == 200
            return seconds()

    attacking = asyncio.create_task(attack())
    seconds = []
    while time.monotonic() < stop:
        seconds.append(await ask())
        await asyncio.sleep(0.01)
    await attacking
    assert taken
    assert sorted(seconds)[len(seconds) * 95 // 100] < 0.5


@pytest.mark.parametrize(
    "pieces",
    [(b"",), (b"GET",), (HEAD,), (HEAD + b"a: b",), (b"\r\n",), tuple(bytes([byte]) for byte in HEAD + b"a: " * 50)],
    ids=["nothing", "a verb", "no end", "half a header", "a blank line", "a byte at a time"],
)
async def test_a_head_has_its_time(pieces: tuple[bytes, ...]) -> None:
    async with impatient() as stack:
        seen = await sent(stack.url, *pieces, pause=0.05)
        assert seen.closed
        assert seen.statuses == ([408] if b"".join(pieces) else [])
        assert seen.seconds > 0.4
        assert seen.loop_seconds < 3


@pytest.mark.parametrize(
    "request_",
    [
        (POST + b"Content-Length: 90\r\n\r\n",),
        (POST + b"Content-Length: 90\r\n\r\n{",),
        (POST + b"Expect: 100-continue\r\nContent-Length: 90\r\n\r\n",),
        (CHUNKED,),
        (CHUNKED + b"5\r\n{",),
        (POST + b"Content-Length: 90\r\n\r\n", *[b" "] * 80),
        (CHUNKED, *[b"1\r\n \r\n"] * 80),
        (POST.replace(b"/api/v1/chat", b"/v1/chat/completions") + b"Content-Length: 90\r\n\r\n{",),
        (POST.replace(b"/api/v1/chat", b"/api/v1/answer") + b"Content-Length: 90\r\n\r\n{",),
        (UPLOAD + b"Content-Length: 9000\r\n\r\n" + b"x" * 500,),
        (UPLOAD + b"Content-Length: 9000\r\n\r\n", *[b"x"] * 80),
        (FORM + b"Content-Length: 90\r\n\r\n--b",),
    ],
)  # fmt: skip
@pytest.mark.parametrize("deadline", [b"", b"X-Request-Timeout: 0.3\r\n"], ids=["by its rate", "by the deadline"])
async def test_a_body_has_its_time(request_: tuple[bytes, ...], deadline: bytes) -> None:
    async with impatient(body_stall_seconds=5 if deadline else 0.5) as stack:
        first, *more = request_
        seen = await sent(stack.url, first.replace(b"\r\n", b"\r\n" + deadline, 1), *more, pause=0.04)
        assert [status for status in seen.statuses if status != 100] == [408]
        assert seen.closed
        assert seen.loop_seconds < 3
        assert stack.script.finished_uploads == 0


async def test_a_body_that_nobody_reads_has_its_time_as_well() -> None:
    async with impatient() as stack:
        seen = await sent(stack.url, HEAD + b"Content-Length: 90\r\n\r\n{")
        assert (seen.statuses, seen.closed) == ([200], True)
        seen = await sent(stack.url, POST + b"Content-Length: 99000000\r\n\r\n", *[b"{"] * 100, pause=0.04)
        assert (seen.statuses, seen.closed) == ([413], True)
        assert seen.loop_seconds < 4


async def test_an_upload_that_goes_on_is_not_cut() -> None:
    async with impatient(stream_timeout_seconds=1.0, min_body_bytes_per_second=1_000) as stack:
        pieces = [b"x" * 400] * 20
        seen = await sent(stack.url, UPLOAD + b"Content-Length: 8000\r\n\r\n", *pieces, pause=0.1, until=1)
        assert seen.statuses == [200]
        assert seen.seconds > 1.5
        assert stack.script.finished_uploads == 1


async def test_a_slow_service_is_not_the_clients_fault() -> None:
    async with impatient() as stack:
        stack.script.pause = 1.0
        response = await stack.http.post("/api/v1/chat", data=CHAT, headers=JSON)
        assert response.status == 200


async def test_a_client_that_reads_nothing_is_cut_off() -> None:
    async with impatient() as stack:
        body = b'{"messages":[{"role":"ROLE_USER","content":"hi"}]}'
        stack.script.tokens = ["x" * 100_000] * 10_000
        head = POST.replace(b"/chat", b"/chat:stream") + b"Content-Length: %d\r\n\r\n" % len(body)
        host, port = stack.url.removeprefix("http://").split(":")
        with socket.socket() as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.setblocking(False)
            await asyncio.get_running_loop().sock_connect(plain, (host, int(port)))
            await asyncio.get_running_loop().sock_sendall(plain, head + body)
            async with asyncio.timeout(60):
                await stack.script.was_cancelled.wait()


async def test_half_bodies_of_one_client_hold_nobody_out() -> None:
    async with impatient(max_sending=20, max_in_flight=20, body_stall_seconds=3) as stack:
        half = POST + b"Content-Length: 90\r\n\r\n{"
        attack = [asyncio.create_task(sent(stack.url, half)) for _ in range(100)]
        for _ in range(15):
            response = await stack.http.post("/api/v1/chat", data=CHAT, headers=JSON)
            assert response.status == 200
            await asyncio.sleep(0.1)
        seen: list[Seen] = await asyncio.gather(*attack)
        statuses = [one.statuses for one in seen]
        assert statuses.count([429]) == 85  # Three quarters of 20 may go on sending.
        assert statuses.count([408]) == 15
        refused = next(one for one in seen if one.statuses == [429])
        assert b"retry-after: 1" in refused.text
        assert b"application/problem+json" in refused.text


@pytest.mark.parametrize(
    "half",
    [
        UPLOAD + b"Content-Length: 90\r\n\r\n",
        UPLOAD + b"Content-Length: 90\r\n\r\nthe beginning",
        FORM + b"Content-Length: 900\r\n\r\n--b\r\n"
        b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nthe beginning',
    ],
    ids=["no byte", "some bytes", "a form"],
)
async def test_half_uploads_of_one_client_hold_no_service(half: bytes) -> None:
    async with impatient(service_calls=20, max_in_flight=20, body_stall_seconds=3) as stack:
        attack = [asyncio.create_task(sent(stack.url, half)) for _ in range(100)]
        for _ in range(15):
            listed, stored = await asyncio.gather(
                stack.http.get("/api/v1/documents"),
                stack.http.post("/api/v1/documents?name=b", data=b"x", headers=FILE),
            )
            assert (listed.status, stored.status) == (200, 200)
            await asyncio.sleep(0.01)
        for task in attack:
            task.cancel()
        await asyncio.gather(*attack, return_exceptions=True)


async def test_uploads_of_one_client_leave_room_at_the_service() -> None:
    async with impatient(max_uploads=8, body_stall_seconds=60) as stack:
        large = UPLOAD + b"Content-Length: 900000\r\n\r\n" + b"x" * PIECE_BYTES
        holding = [asyncio.create_task(sent(stack.url, large)) for _ in range(6)]
        await eventually(lambda: len(stack.script.requests) == 6)
        response = await stack.http.post("/api/v1/documents?name=b", data=b"x", headers=FILE)
        assert (response.status, (await response.json(content_type=None))["reason"]) == (429, "TOO_MANY_AT_ONCE")
        assert (await stack.http.get("/api/v1/documents")).status == 200
        connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        async with aiohttp.ClientSession(stack.url, connector=connector) as other:
            assert (await other.post("/api/v1/documents?name=b", data=b"x", headers=FILE)).status == 200
        for task in holding:
            task.cancel()
        await asyncio.gather(*holding, return_exceptions=True)


async def test_one_client_cannot_hold_every_request() -> None:
    async with impatient(max_in_flight=8) as stack:
        holding = await held(stack, 6, JSON)
        response = await stack.http.post("/api/v1/chat", data=CHAT, headers=JSON)
        problem = orjson.loads(await response.read())
        assert (response.status, problem["reason"], response.headers["Retry-After"]) == (429, "TOO_MANY_AT_ONCE", "1")
        assert (await stack.http.get("/healthz")).status == 200
        connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        async with aiohttp.ClientSession(stack.url, connector=connector) as other:
            assert (await other.get("/api/v1/models")).status == 200
        await ended(holding)


async def test_connections_on_which_nothing_happens_make_room() -> None:
    async with impatient(max_connections=8, head_timeout_seconds=20) as stack:
        host, port = stack.url.removeprefix("http://").split(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(30)]
        try:
            assert (await stack.http.get("/healthz")).status == 200
            assert await silent[0][0].read() == b""
        finally:
            for _, writer in silent:
                writer.close()


async def test_too_many_connections_in_use_are_refused() -> None:
    async with impatient(max_connections=4, max_client_share=0.5) as stack:
        holding = await held(stack, 2, JSON)
        seen = await sent(stack.url, HEAD + b"\r\n")
        assert (seen.statuses, seen.closed) == ([429], True)
        await ended(holding)


async def test_a_trusted_proxy_speaks_for_its_clients() -> None:
    async with impatient(max_in_flight=8, trusted_proxies=("127.0.0.1",)) as stack:
        one = {**JSON, "X-Forwarded-For": "203.0.113.5"}
        holding = await held(stack, 6, one)
        assert (await stack.http.get("/api/v1/models", headers=one)).status == 429
        other = {"X-Forwarded-For": "203.0.113.6"}
        assert (await stack.http.get("/api/v1/models", headers=other)).status == 200
        await ended(holding)


@pytest.mark.parametrize("size", [9_000_000, 40_000_000])
async def test_a_client_that_reads_only_after_all_was_sent_learns_why_it_was_refused(size: int) -> None:
    async with impatient(body_stall_seconds=5) as stack:
        request = urllib.request.Request(  # noqa: S310 - of this test's own server
            f"{stack.url}/api/v1/chat", data=b" " * size, headers={"Content-Type": "application/json"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            await asyncio.to_thread(urllib.request.urlopen, request)
        assert refused.value.code == 413
        assert b"BODY_TOO_LARGE" in await asyncio.to_thread(refused.value.read)


async def test_a_refused_client_may_not_send_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = POST + b"Connection: close\r\nContent-Length: 99000000\r\n\r\n"
    kept = POST + b"Content-Length: 99000000\r\n\r\n"
    async with impatient(body_stall_seconds=5) as stack:
        slow = await sent(stack.url, refused, *[b"x"] * 200, pause=0.05)
        assert (slow.statuses, slow.closed) == ([413], True)
        assert slow.loop_seconds < 6
        monkeypatch.setattr("gateway.protocol._LINGER_BYTES", 2_000_000)
        for head in (refused, kept):
            large = await sent(stack.url, head, *[b"x" * 100_000] * 200, pause=0.001)
            assert (large.statuses, large.closed) == ([413], True)
            assert large.loop_seconds < 2


async def test_who_only_sends_what_nobody_reads_makes_room_for_others() -> None:
    async with impatient(max_connections=4, max_client_share=1, body_stall_seconds=30) as stack:
        kept = POST + b"Content-Length: 99000000\r\n\r\n"
        attack = [asyncio.create_task(sent(stack.url, kept, *[b"x" * 1000] * 100, pause=0.05)) for _ in range(4)]
        for _ in range(5):
            await asyncio.sleep(0.1)
            seen = await sent(stack.url, HEAD + b"Connection: close\r\n\r\n")
            assert seen.statuses == [200]
        for task in attack:
            task.cancel()
        await asyncio.wait(attack)
