"""The web page's files, read once: they are few and small."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.exchange import Exchange
from gateway.problems import Problem

_FOLDER = Path(__file__).parent / "static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""What keeps a page of ours from running anything that is not ours."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is served."""

    body: bytes
    content_type: bytes
    etag: bytes


class StaticFiles:
    """The files under `static/` by path."""

    def __init__(self, files: Mapping[str, StaticFile]) -> None:
        self._files = files

    @classmethod
    def load(cls, folder: Path = _FOLDER) -> StaticFiles:
        """Reads every file of a folder. Blocks: call it from a thread."""
        return cls({str(p.relative_to(folder)): _file(p) for p in sorted(folder.rglob("*")) if p.is_file()})

    async def index(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """GET /"""
        await self._respond(exchange, "index.html")

    async def file(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """GET /static/{path}"""
        await self._respond(exchange, variables["path"])

    async def _respond(self, exchange: Exchange, path: str) -> None:
        found = self._files.get(path)
        if found is None:
            raise Problem(404, "NO_SUCH_FILE", f"The page has no file {path}.")
        headers = [*PAGE_HEADERS, (b"etag", found.etag), (b"cache-control", b"no-cache")]
        if exchange.headers.get(b"if-none-match") == found.etag:
            await exchange.start(304, headers)
            await exchange.write(b"", more=False)
            return
        await exchange.respond(200, found.body, content_type=found.content_type, headers=headers)


def _file(path: Path) -> StaticFile:
    body = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind in ("application/javascript", "image/svg+xml"):
        kind += "; charset=utf-8"
    return StaticFile(body, kind.encode(), b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"')
