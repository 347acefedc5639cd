"""A forwarder of OpenAI's API that does nothing else: the limit for a gateway of models in Python.

- `forwarder http BASE_URL`: ASGI in, aiohttp out, in one process.
- `forwarder grpc BASE_URL`: the second half of it behind one bare gRPC hop: bytes in over grpc.aio, aiohttp out.
- `forwarder hop TARGET`: the first half before that hop: ASGI in, grpc.aio out.

Each prints its address and serves. Bodies are passed on as they come, unread.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import grpc
import uvloop

from benchmarks.servers.asgi import serve

_WHOLE, _STREAM = "/bench.Forwarder/Whole", "/bench.Forwarder/Stream"
_STREAMS = b'"stream":true'


class Forwarder:
    """Posts bodies to one provider."""

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url}/chat/completions"
        self._session: aiohttp.ClientSession | None = None

    async def forward(self, body: bytes) -> AsyncIterator[bytes]:
        """Yield the answer in the pieces in which it comes."""
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        headers = {"content-type": "application/json"}
        async with self._session.post(self._url, data=body, headers=headers) as response:
            async for piece in response.content.iter_any():
                yield piece


class Hop:
    """Sends bodies over gRPC, to a server of `serve_grpc`."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._channel: Any = None

    async def forward(self, body: bytes) -> AsyncIterator[bytes]:
        """Yield the answer in the messages in which it comes."""
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self._target)
            self._whole, self._stream = self._channel.unary_unary(_WHOLE), self._channel.unary_stream(_STREAM)
        if _STREAMS not in body:
            yield await self._whole(body, timeout=60)
            return
        async for piece in self._stream(body, timeout=60):
            yield piece


def application(forwarder: Forwarder | Hop) -> Any:
    """Return the ASGI application over a forwarder."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (event := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{event['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        kind = b"text/event-stream" if _STREAMS in body else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        async for piece in forwarder.forward(body):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


async def serve_grpc(base_url: str) -> None:
    """Serve a forwarder over grpc.aio until terminated."""
    forwarder = Forwarder(base_url)

    async def whole(body: bytes, _: Any) -> bytes:
        return b"".join([piece async for piece in forwarder.forward(body)])

    async def stream(body: bytes, _: Any) -> AsyncIterator[bytes]:
        async for piece in forwarder.forward(body):
            yield piece

    handlers = {
        "Whole": grpc.unary_unary_rpc_method_handler(whole),
        "Stream": grpc.unary_stream_rpc_method_handler(stream),
    }
    handler = grpc.method_handlers_generic_handler("bench.Forwarder", handlers)
    server = grpc.aio.server(handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await asyncio.shield(server.wait_for_termination())


if __name__ == "__main__":
    role, address = sys.argv[1:]
    if role == "grpc":
        uvloop.run(serve_grpc(address))
    else:
        serve(application(Hop(address) if role == "hop" else Forwarder(address)))
