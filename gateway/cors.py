"""Which pages of other sites may call this API: none, unless the settings name their origins."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from gateway.exchange import Exchange
from gateway.hosts import Hosts
from gateway.problems import ProblemError

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
_DEFAULT_PORTS = {"http": 80, "https": 443}


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


def refuse_foreign_page(exchange: Exchange, origins: Collection[str], hosts: Hosts) -> None:
    """Refuse a change that a page of another site asks for: browsers send plain forms without asking first.

    A browser says where a request comes from in at least one of Sec-Fetch-Site, Origin and Referer, and each one that
    is there must agree. Programs send none of them.

    Raises:
        ProblemError: 403, the page's origin is neither the one that the request came to nor in `origins`.
    """
    if exchange.method in _SAFE_METHODS:
        return
    headers = exchange.headers
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    referer = headers.get(b"referer") if site is None and origin is None else None
    if site is None and origin is None and referer is None:
        return
    if "*" in origins or (origin is not None and origin.decode("latin-1") in origins):
        return
    page = origin if origin is not None else referer
    if site in (None, b"same-origin", b"none") and (page is None or _is_own(page, exchange, hosts)):
        return
    raise ProblemError(403, "FOREIGN_ORIGIN", "Pages of other sites may not call this API.")


def _is_own(page: bytes, exchange: Exchange, hosts: Hosts) -> bool:
    """Return whether a page's URL or origin has the scheme, host and port that the request came to.

    A proxy that ends TLS is seen only by the `https` of its pages; it is believed for a host that the settings name.
    """
    host = exchange.headers.get(b"host", b"").decode("latin-1").lower()
    came_to = _origin(f"{exchange.scope['scheme']}://{host}")
    came_from = _origin(page.decode("latin-1").lower())
    if came_to is None or came_from is None:
        return False
    return came_from == came_to or (came_from == _origin(f"https://{host}") and hosts.is_named(host))


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of a URL; None where it has none, as in `null`."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname, port
