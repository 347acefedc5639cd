"""Which pages of other sites may call this API: none, unless the settings name their origins."""

from __future__ import annotations

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway.exchange import Exchange
from gateway.problems import Problem

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ALLOWED_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST")
_ALLOWED_HEADERS = (
    "authorization",
    "content-type",
    "last-event-id",
    "range",
    "traceparent",
    "x-request-id",
    "x-request-timeout",
)
_EXPOSED_HEADERS = ("content-disposition", "content-range", "etag", "retry-after", "x-request-id")


def with_cors(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Return `app` with CORS for pages of `origins`; `app` itself, at no cost, where there are none."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=_ALLOWED_METHODS,
        allow_headers=_ALLOWED_HEADERS,
        expose_headers=_EXPOSED_HEADERS,
    )


def refuse_foreign_page(exchange: Exchange, origins: Collection[str]) -> None:
    """Refuse a change that a page of another site asks for: browsers send plain forms without asking first.

    Raises:
        Problem: 403, the page's origin is not in `origins`.
    """
    if exchange.method in _SAFE_METHODS or exchange.headers.get(b"sec-fetch-site") != b"cross-site":
        return
    if "*" not in origins and exchange.headers.get(b"origin", b"").decode("latin-1") not in origins:
        raise Problem(403, "FOREIGN_ORIGIN", "Pages of other sites may not call this API.")
