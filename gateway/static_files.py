"""The files of the web page."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from gateway.exchange import Exchange
from gateway.problems import ProblemError

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
"""Headers that keep a page of ours from running anything that is not ours."""


class PageFiles:
    """Serves the files under `static/`."""

    def __init__(self) -> None:
        """Read the folder and the system's media types. Blocks: call it from a thread."""
        mimetypes.init()
        self._files = StaticFiles(directory=_FOLDER)

    async def index(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Serve `GET /`."""
        await self._respond(exchange, "index.html")

    async def file(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Serve `GET /static/{path}`."""
        await self._respond(exchange, variables["path"])

    async def _respond(self, exchange: Exchange, path: str) -> None:
        try:
            response = await self._files.get_response(path, exchange.scope)
        except HTTPException:
            raise ProblemError(404, "NO_SUCH_FILE", f"The page has no file {path}.") from None
        response.raw_headers.extend([*PAGE_HEADERS, (b"cache-control", b"no-cache")])
        await exchange.respond_with(response)
