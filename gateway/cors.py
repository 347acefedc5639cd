"""Which pages of other sites may call this API: none, unless the settings name their origins."""

from __future__ import annotations

from gateway.exchange import Exchange, Headers
from gateway.problems import Problem

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ALLOWED_HEADERS = b"authorization, content-type, last-event-id, range, traceparent, x-request-id, x-request-timeout"
_EXPOSED_HEADERS = b"content-disposition, content-range, etag, retry-after, x-request-id"


class CrossOrigin:
    """The rule for requests that a page of another site makes."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, exchange: Exchange) -> Headers:
        """What a response tells the browser; empty for an origin that is not named."""
        origin = exchange.headers.get(b"origin")
        if origin is None or not self._allowed(origin):
            return ()
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED_HEADERS),
            (b"vary", b"Origin"),
        ]

    def preflight(self, exchange: Exchange, methods: list[str]) -> Headers:
        """What the answer to a preflight request adds."""
        granted = list(self.headers(exchange))
        if granted:
            granted += [
                (b"access-control-allow-methods", ", ".join(methods).encode()),
                (b"access-control-allow-headers", _ALLOWED_HEADERS),
                (b"access-control-max-age", b"600"),
            ]
        return granted

    def check(self, exchange: Exchange) -> None:
        """Refuses a change that a foreign page asks for: browsers send plain forms without a preflight.

        Raises:
            Problem: 403.
        """
        if exchange.method in _SAFE_METHODS or exchange.headers.get(b"sec-fetch-site") != b"cross-site":
            return
        if not self._allowed(exchange.headers.get(b"origin", b"")):
            raise Problem(403, "FOREIGN_ORIGIN", "Pages of other sites may not call this API.")

    def _allowed(self, origin: bytes) -> bool:
        return origin in self._origins or b"*" in self._origins
