"""Uploads and downloads: streamed, bounded, and nothing half-written."""

from __future__ import annotations

import asyncio
import hashlib

import aiohttp
import pytest

from gateway.app import running
from services.kit.ids import new_id
from tests.fakes.grpc_services import fake_services
from tests.integration.gateway.conftest import Stack, settings_for
from tests.waiting import eventually

BOUNDARY = "xxBOUNDARYxx"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(headers: str, body: bytes) -> bytes:
    """One part of a form."""
    return f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode() + body + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def file_part(body: bytes = b"content", disposition: str = 'form-data; name="file"; filename="a.txt"') -> bytes:
    """A file part."""
    return part(f"Content-Disposition: {disposition}\r\nContent-Type: text/plain", body)


def field_part(name: str, value: str) -> bytes:
    """A plain field."""
    return part(f'Content-Disposition: form-data; name="{name}"', value.encode())


async def test_a_form_is_stored(stack: Stack) -> None:
    data = aiohttp.FormData()
    data.add_field("kind", "DOCUMENT_KIND_MATERIAL")
    data.add_field("parse", "true")
    content = "光合作用。".encode() * 200_000
    data.add_field("file", content, filename="第一章.txt", content_type="text/plain")
    response = await stack.http.post("/api/v1/documents", data=data)
    body = await response.json()
    assert response.status == 200, body
    document = body["document"]
    assert document["name"] == "第一章.txt"
    assert document["kind"] == "DOCUMENT_KIND_MATERIAL"
    assert document["state"] == "DOCUMENT_STATE_QUEUED"
    assert document["sha256"] == hashlib.sha256(content).hexdigest()
    assert max(stack.script.chunk_sizes) <= 1024 * 1024
    assert sum(stack.script.chunk_sizes) == len(content)


async def test_the_query_describes_too(stack: Stack) -> None:
    response = await stack.http.post(
        "/api/v1/documents?kind=DOCUMENT_KIND_DOCUMENT&name=%E4%B8%AD.txt", data=form(file_part()), headers=FORM
    )
    document = (await response.json())["document"]
    assert (document["name"], document["kind"]) == ("中.txt", "DOCUMENT_KIND_DOCUMENT")


async def test_the_body_can_be_the_file(stack: Stack) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    response = await stack.http.post("/api/v1/documents?name=a.bin", data=b"\0\1\2", headers=headers)
    assert (await response.json())["document"]["size_bytes"] == "3"
    nameless = await stack.http.post("/api/v1/documents", data=b"\0\1\2", headers=headers)
    assert (nameless.status, (await nameless.json(content_type=None))["reason"]) == (400, "NAME_MISSING")
    other = await stack.http.post("/api/v1/documents?name=a", data=b"{}", headers={"Content-Type": "text/plain"})
    assert other.status == 415


async def test_any_upload_of_the_contract_is_served(stack: Stack) -> None:
    response = await stack.http.post("/api/v1/files:read?question=why", data=form(file_part(b"12345")), headers=FORM)
    assert (await response.json())["text"] == "why 5"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="file"; filename="a.txt"; filename*=UTF-8\'\'%E7%AC%AC%E4%B8%80%E7%AB%A0.pdf', "第一章.pdf"),
        ("form-data; name=\"file\"; filename*=utf-8'zh'%E4%B8%AD.txt", "中.txt"),
        ('form-data; name="file"; filename="第 二 章;1.txt"', "第 二 章;1.txt"),
        ('form-data; name="file"; filename="a %22quoted%22.txt"', 'a "quoted".txt'),
        ('form-data; name="file"; filename="C:\\\\dir\\\\a.txt"', "a.txt"),
    ],
)
async def test_names_in_any_script(stack: Stack, disposition: str, name: str) -> None:
    response = await stack.http.post("/api/v1/documents", data=form(file_part(disposition=disposition)), headers=FORM)
    body = await response.json()
    assert response.status == 200, body
    assert body["document"]["name"] == name


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        (form(), "FILE_MISSING", "file"),
        (form(field_part("kind", "DOCUMENT_KIND_MATERIAL")), "FILE_MISSING", "file"),
        (form(file_part(), file_part()), "FILE_REPEATED", "file"),
        (form(file_part(), field_part("kind", "1")), "FIELD_AFTER_FILE", "kind"),
        (form(field_part("colour", "red"), file_part()), "INVALID_FIELD", "colour"),
        (form(field_part("kind", "BOOK"), file_part()), "INVALID_FIELD", "kind"),
        (form(field_part("parse", "maybe"), file_part()), "INVALID_FIELD", "parse"),
        (form(file_part())[:-20], "MALFORMED_FORM", None),
        (b"no form at all", "MALFORMED_FORM", None),
        (form(part("X-Other: 1", b"")), "MALFORMED_FORM", None),
        (
            form(part('Content-Disposition: form-data; name="file"; filename="' + "a" * 5000 + '"', b"")),
            "MALFORMED_FORM",
            None,
        ),
        (form(file_part(disposition='form-data; name="file"; filename=""')), "NAME_MISSING", "name"),
        (form(file_part(b"")), "INVALID_ARGUMENT", "file"),
        (form(file_part(disposition='form-data; name="file"; filename="../etc/passwd"')), "INVALID_ARGUMENT", "name"),
    ],
)
async def test_a_bad_form_leaves_nothing(stack: Stack, body: bytes, reason: str, field: str | None) -> None:
    response = await stack.http.post("/api/v1/documents", data=body, headers=FORM)
    problem = await response.json(content_type="application/problem+json")
    assert (response.status, problem["reason"]) == (400, reason), problem
    assert [error["field"] for error in problem.get("errors", [])] == ([field] if field else [])
    await asyncio.sleep(0.05)
    assert stack.services.docs.stored == {}


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=" + "b" * 71])
async def test_a_form_needs_a_boundary(stack: Stack, content_type: str) -> None:
    response = await stack.http.post("/api/v1/documents", data=b"x", headers={"Content-Type": content_type})
    assert (response.status, (await response.json(content_type=None))["reason"]) == (400, "MALFORMED_FORM")


async def test_a_field_may_not_be_endless(stack: Stack) -> None:
    response = await stack.http.post("/api/v1/documents", data=form(field_part("name", "n" * 70_000)), headers=FORM)
    assert response.status == 413


async def test_the_services_refusal_reaches_the_client_before_the_files_end(stack: Stack) -> None:
    stack.script.largest_upload = 300_000
    response = await stack.http.post("/api/v1/documents", data=form(file_part(b"x" * 5_000_000)), headers=FORM)
    problem = await response.json(content_type=None)
    assert (response.status, problem["reason"]) == (400, "FILE_TOO_LARGE")
    assert sum(stack.script.chunk_sizes) < 2_000_000


async def test_a_client_that_leaves_leaves_nothing(stack: Stack) -> None:
    host, port = stack.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/v1/documents?name=a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Length: 9000000\r\n\r\n" + b"x" * 600_000
    )
    await writer.drain()
    await eventually(lambda: sum(stack.script.chunk_sizes) > 0)
    writer.transport.abort()
    await eventually(lambda: stack.script.cancelled == ["UploadDocument"])
    assert stack.script.finished_uploads == 0


async def test_a_slow_service_slows_the_client(stack: Stack) -> None:
    """Back-pressure: what the service does not take stays in the client, not in the gateway."""
    stack.script.upload_gate = asyncio.Event()
    host, port = stack.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    size = 64_000_000
    writer.write(
        b"POST /api/v1/documents?name=a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Length: %d\r\n\r\n" % size
    )
    sent = 0
    try:
        async with asyncio.timeout(1.0):
            while sent < size:
                writer.write(b"x" * 1_000_000)
                await writer.drain()
                sent += 1_000_000
    except TimeoutError:
        pass
    assert sent < 32_000_000
    stack.script.upload_gate.set()
    remaining = size - sent - (1_000_000 if sent < size else 0)
    writer.write(b"x" * remaining)
    await writer.drain()
    assert b"200 OK" in await reader.readline()
    writer.close()


async def test_a_download_is_the_file(stack: Stack) -> None:
    content = bytes(range(256)) * 2000
    document = stack.services.docs.put("第一章 <1>.html", content, parse=False, media_type="text/html")
    response = await stack.http.get(f"/api/v1/documents/{document.document_id}/file")
    assert await response.read() == content
    headers = response.headers
    assert headers["Content-Type"] == "text/html"
    assert headers["Content-Length"] == str(len(content))
    assert headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox")
    assert headers["Content-Disposition"] == (
        "attachment; filename=\"___ _1_.html\"; filename*=UTF-8''%E7%AC%AC%E4%B8%80%E7%AB%A0%20%3C1%3E.html"
    )
    head = await stack.http.head(f"/api/v1/documents/{document.document_id}/file")
    assert (head.status, head.headers["Content-Length"], await head.read()) == (200, str(len(content)), b"")


@pytest.mark.parametrize(
    ("wanted", "status", "first", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=990-", 206, 990, 1000),
        ("bytes=-10", 206, 990, 1000),
        ("bytes=-5000", 206, 0, 1000),
        ("bytes=995-2000", 206, 995, 1000),
        ("bytes=5-2", 200, 0, 1000),
        ("bytes=0-1,5-6", 200, 0, 1000),
        ("lines=0-1", 200, 0, 1000),
    ],
)
async def test_ranges(stack: Stack, wanted: str, status: int, first: int, end: int) -> None:
    content = bytes(n % 251 for n in range(1000))
    document = stack.services.docs.put("a.bin", content, parse=False)
    response = await stack.http.get(f"/api/v1/documents/{document.document_id}/file", headers={"Range": wanted})
    assert (response.status, await response.read()) == (status, content[first:end])
    expected = f"bytes {first}-{end - 1}/1000" if status == 206 else None
    assert response.headers.get("Content-Range") == expected


async def test_what_lies_outside_cannot_be_had(stack: Stack) -> None:
    document = stack.services.docs.put("a.bin", b"x" * 10, parse=False)
    path = f"/api/v1/documents/{document.document_id}/file"
    for wanted in ("bytes=10-", "bytes=-0"):
        response = await stack.http.get(path, headers={"Range": wanted})
        assert (response.status, response.headers["Content-Range"]) == (416, "bytes */10")


async def test_what_the_client_has_is_not_sent(stack: Stack) -> None:
    document = stack.services.docs.put("a.bin", b"x" * 10, parse=False)
    path = f"/api/v1/documents/{document.document_id}/file"
    etag = (await stack.http.head(path)).headers["ETag"]
    same = await stack.http.get(path, headers={"If-None-Match": f'"other", W/{etag}'})
    assert (same.status, await same.read()) == (304, b"")
    stale = await stack.http.get(path, headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert (stale.status, await stale.read()) == (200, b"x" * 10)
    fresh = await stack.http.get(path, headers={"Range": "bytes=0-1", "If-Range": etag})
    assert (fresh.status, await fresh.read()) == (206, b"xx")


async def test_no_file_no_download(stack: Stack) -> None:
    response = await stack.http.get(f"/api/v1/documents/{new_id()}/file")
    assert (response.status, response.content_type) == (404, "application/problem+json")


async def test_a_client_that_leaves_stops_a_download(stack: Stack) -> None:
    document = stack.services.docs.put("a.bin", b"x" * 1_000_000, parse=False)
    stack.script.pause = 0.2
    response = await stack.http.get(f"/api/v1/documents/{document.document_id}/file")
    await response.content.readany()
    response.close()
    await eventually(lambda: stack.script.cancelled == ["DownloadDocument"])


async def test_an_upload_without_its_service_is_unavailable() -> None:
    async with fake_services() as services:
        settings = settings_for(services, docs_target="127.0.0.1:1")
        async with running(settings) as gateway, aiohttp.ClientSession(gateway.url) as http:
            response = await http.post("/api/v1/documents", data=form(file_part(b"x" * 900_000)), headers=FORM)
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
