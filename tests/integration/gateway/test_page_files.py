"""The files of the web page over HTTP."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.gateway.conftest import Stack


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/static/app.css", "text/css; charset=utf-8"),
        ("/static/js/main.js", "text/javascript; charset=utf-8"),
        ("/static/vendor/cytoscape/cytoscape.esm.min.mjs", "text/javascript; charset=utf-8"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
async def test_a_file_is_served_with_what_protects_the_page(stack: Stack, path: str, content_type: str) -> None:
    answer = await stack.http.get(path)
    body = await answer.read()
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
    assert len(body) == int(answer.headers["Content-Length"]) > 0
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-cache")
    assert answer.headers["X-Request-ID"]
    head = await stack.http.head(path)
    assert (head.status, head.headers["ETag"], await head.read()) == (200, answer.headers["ETag"], b"")


async def test_a_file_that_the_browser_has_is_not_sent_again(stack: Stack) -> None:
    etag = (await stack.http.get("/static/app.css")).headers["ETag"]
    again = await stack.http.get("/static/app.css", headers={"If-None-Match": etag})
    assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", etag)


@pytest.mark.parametrize(
    "path", ["/static/no.css", "/static/js", "/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"]
)
async def test_no_other_file_is_served(stack: Stack, path: str) -> None:
    host, port = stack.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.split()[1] == b"404"
    assert b"NO_SUCH_FILE" in answer
