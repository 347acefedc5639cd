"""Unary RPCs: one JSON request, one JSON response."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.binding import Binder
from gateway.contract import Operation
from gateway.exchange import Exchange
from gateway.settings import GatewaySettings
from gateway.transcoding import ToJson
from gateway.upstream import Upstream


class UnaryHandler:
    """Serves one unary operation."""

    def __init__(self, operation: Operation, upstream: Upstream, settings: GatewaySettings) -> None:
        self._binder = Binder(operation, max_json_bytes=settings.max_json_bytes)
        self._to_json = ToJson(operation.response)
        self._method = upstream.unary(operation.domain, operation.rpc)
        self._timeout = settings.unary_timeout_seconds

    async def __call__(self, exchange: Exchange, variables: Mapping[str, str]) -> None:
        """Answer one request."""
        exchange.set_deadline(self._timeout)
        request = await self._binder.bind(exchange, variables)
        raw = await exchange.result_of(self._method(request, timeout=exchange.time_left()))
        await exchange.respond(200, await self._to_json.encode_async(raw))
