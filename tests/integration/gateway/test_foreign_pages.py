"""What a page of another site can make a browser send: it is refused, and programs do not notice."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from gateway.app import running
from tests.fakes.grpc_services import fake_services
from tests.integration.gateway.conftest import Stack, settings_for
from tests.integration.gateway.raw import CHAT, sent

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"Content-Type": "application/json"}
FORM = "multipart/form-data; boundary=b"
CHANGES = [
    ("POST", "/api/v1/chat", "application/json"),
    ("POST", "/api/v1/chat", "text/plain"),
    ("POST", "/api/v1/documents?name=a", "application/octet-stream"),
    ("POST", "/api/v1/documents", FORM),
    ("POST", "/api/v1/exercises:generate", "application/x-www-form-urlencoded"),
    ("DELETE", "/api/v1/documents/0190a6a0-0000-7000-8000-000000000000", ""),
    ("PATCH", "/api/v1/profile?update_mask=goal", "application/json"),
    ("POST", "/v1/chat/completions", "application/json"),
    ("POST", "/v1/embeddings", "text/plain"),
]


@contextlib.asynccontextmanager
async def serving(**changes: object) -> AsyncIterator[Stack]:
    """A gateway with other settings."""
    async with (
        fake_services() as services,
        running(settings_for(services, **changes)) as gateway,
        aiohttp.ClientSession(f"http://127.0.0.1:{gateway.url.rpartition(':')[2]}") as http,
    ):
        yield Stack(str(http._base_url).rstrip("/"), http, services)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Stack]:
    """A gateway with default settings, for all tests here: none of them changes anything behind it."""
    async with serving() as stack:
        yield stack


@pytest.fixture
def stack(shared: Stack) -> Stack:
    """That gateway, with nothing recorded."""
    shared.script.requests.clear()
    return shared


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8080", "EVIL.EXAMPLE", "localhost.evil.example", "127.0.0.1.evil.example",
        "evil-localhost", "localhost.evil", "93.184.216.34", "[2606:2800:220:1::1]", "2130706433", "0x7f.1", "127.1",
        "gateway", "localhostx", "xn--lcalhost-54a", "evil.example.", "a.localhost",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("verb", "path"), [("GET", "/api/v1/documents"), ("DELETE", "/api/v1/documents/1"), ("GET", "/")]
)
async def test_the_host_of_another_site_is_refused(stack: Stack, host: str, verb: str, path: str) -> None:
    response = await stack.http.request(verb, path, headers={"Host": host})
    problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["reason"]) == (421, "UNKNOWN_HOST")
    assert "TIKU_GATEWAY_ALLOWED_HOSTS" in problem["detail"]
    assert stack.script.requests == []


async def test_a_refused_host_has_openais_shape_under_v1(stack: Stack) -> None:
    response = await stack.http.get("/v1/models", headers={"Host": "evil.example"})
    assert response.status == 421
    assert (await response.json())["error"]["code"] == "unknown_host"


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:1", "localhost.", "localhost.:80", "127.0.0.1", "127.0.0.1:8080", "127.3.2.1", "[::1]",
     "[::1]:9", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]:80"],
)  # fmt: skip
async def test_local_hosts_are_served(stack: Stack, host: str) -> None:
    assert (await stack.http.get("/healthz", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\n",
        b"GET /healthz HTTP/1.1\r\nHost:\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: user@localhost\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: user:pass@localhost:80\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost/evil\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost:port\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost:99999\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost, evil.example\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: local host\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: [::1\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: ::1\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: \xe9vil\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n",
        b"GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\n",
        b"GET http://user@localhost/healthz HTTP/1.1\r\nHost: localhost\r\n",
        b"GET http://localhost/healthz HTTP/1.1\r\n",
    ],
)
async def test_a_malformed_host_is_refused(stack: Stack, head: bytes) -> None:
    seen = await sent(stack.url, head + b"\r\n", until=1)
    assert seen.statuses == [400]
    assert b"MALFORMED_HOST" in seen.text


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET http://localhost:80/healthz HTTP/1.1\r\nHost: localhost:80\r\n", 200),
        (b"GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\n", 421),
        (b"GET /healthz HTTP/1.0\r\n", 200),
        (b"GET /healthz HTTP/1.0\r\nHost: evil.example\r\n", 421),
        (b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n", 421),
        (b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\nForwarded: host=localhost\r\n", 421),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: evil.example\r\n", 200),
    ],
)
async def test_the_host_is_what_the_request_says(stack: Stack, head: bytes, status: int) -> None:
    assert (await sent(stack.url, head + b"\r\n", until=1)).statuses == [status]


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        (("tiku.example",), "tiku.example", 200),
        (("tiku.example",), "Tiku.Example.:8443", 200),
        (("tiku.example",), "a.tiku.example", 421),
        (("tiku.example",), "tiku.example.evil", 421),
        (("tiku.example:8443",), "tiku.example:8443", 200),
        (("tiku.example:8443",), "tiku.example:80", 421),
        (("*.tiku.example",), "a.b.tiku.example:1", 200),
        (("*.tiku.example",), "eviltiku.example", 421),
        (("gateway", "gateway.tiku.svc"), "gateway:8080", 200),
        (("*",), "anything.example", 200),
        (("*",), "any thing", 400),
    ],
)
async def test_configured_hosts_are_served(allowed: tuple[str, ...], host: str, status: int) -> None:
    async with serving(allowed_hosts=allowed) as stack:
        assert (await stack.http.get("/healthz", headers={"Host": host})).status == status
        assert (await stack.http.get("/healthz", headers={"Host": "localhost"})).status == 200


@pytest.mark.parametrize("host", ["10.4.2.7:8080", "192.168.1.5", "[fd00::7]:8080", "localhost:8080", "0.0.0.0:8080"])
async def test_a_server_on_every_address_takes_any_address(host: str) -> None:
    async with serving(listen="0.0.0.0:0") as stack:
        assert (await stack.http.get("/healthz", headers={"Host": host})).status == 200
        assert (await stack.http.get("/healthz", headers={"Host": "evil.example"})).status == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "https://{host}"},
        {"Origin": "http://{host}.evil.example"},
        {"Origin": "http://user@{host}"},
        {"Origin": "ftp://{host}"},
        {"Origin": "{host}"},
        {"Origin": ""},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "none"},
        {"Origin": "http://{host}", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:1", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "somewhere"},
        {"Referer": "https://evil.example/form"},
        {"Referer": "http://localhost:1/"},
        {"Referer": "https://evil.example/http://{host}/"},
        {"Referer": "about:blank"},
    ],
)
async def test_a_change_from_another_page_is_refused(stack: Stack, headers: dict[str, str]) -> None:
    host = stack.url.removeprefix("http://")
    given = {name: value.replace("{host}", host) for name, value in headers.items()}
    for verb, path, kind in CHANGES:
        sending = {**given, **({"Content-Type": kind} if kind else {})}
        response = await stack.http.request(verb, path, headers=sending, data=CHAT)
        assert response.status == 403, (verb, path, await response.text())
        assert "FOREIGN_ORIGIN" in (await response.text()).upper()
    assert stack.script.requests == []
    assert stack.script.finished_uploads == 0
    assert (await stack.http.get("/api/v1/documents", headers=given)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://{host}"},
        {"Origin": "HTTP://{host}"},
        {"Origin": "http://{host}", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Referer": "http://{host}/static/page"},
        {"User-Agent": "curl/8.5.0", "Accept": "*/*"},
    ],
)
async def test_programs_and_our_own_page_are_served(stack: Stack, headers: dict[str, str]) -> None:
    host = stack.url.removeprefix("http://")
    given = {name: value.replace("{host}", host) for name, value in headers.items()}
    assert (await stack.http.post("/api/v1/chat", data=CHAT, headers={**JSON, **given})).status == 200


async def test_a_doubled_origin_is_refused(stack: Stack) -> None:
    host = stack.url.removeprefix("http://").encode()
    head = b"POST /api/v1/chat HTTP/1.1\r\nHost: " + host + b"\r\nContent-Type: application/json\r\n"
    doubled = b"Origin: https://evil.example\r\nOrigin: http://" + host + b"\r\n"
    seen = await sent(stack.url, head + doubled + b"Content-Length: %d\r\n\r\n%s" % (len(CHAT), CHAT), until=1)
    assert (seen.statuses, stack.script.requests) == ([400], [])


async def test_the_page_behind_a_proxy_that_ends_tls_is_our_own() -> None:
    headers = {**JSON, "Host": "tiku.example", "Origin": "https://tiku.example", "Sec-Fetch-Site": "same-origin"}
    async with serving(allowed_hosts=("tiku.example",)) as stack:
        assert (await stack.http.post("/api/v1/chat", data=CHAT, headers=headers)).status == 200
        other = {**headers, "Origin": "https://www.tiku.example"}
        assert (await stack.http.post("/api/v1/chat", data=CHAT, headers=other)).status == 403
    async with serving(allowed_hosts=("*",), trusted_proxies=("127.0.0.0/8",)) as stack:
        tls = {**headers, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.5"}
        assert (await stack.http.post("/api/v1/chat", data=CHAT, headers=tls)).status == 200


async def test_a_named_origin_may_change_things_from_anywhere() -> None:
    async with serving(cors_origins=("https://school.example",)) as stack:
        named = {**JSON, "Origin": "https://school.example"}
        for site in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
            assert (await stack.http.post("/api/v1/chat", data=CHAT, headers={**named, **site})).status == 200
        for origin in ("https://school.example.evil", "http://school.example", "null"):
            other = {**JSON, "Origin": origin}
            assert (await stack.http.post("/api/v1/chat", data=CHAT, headers=other)).status == 403
