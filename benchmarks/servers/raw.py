"""The limits that the gateway is held against: bare ASGI, and bare ASGI that calls bare grpc.aio.

`python -m benchmarks.servers.raw echo` answers a JSON body with itself. `... chain TARGET` calls LlmService at TARGET
once for each request (`/chat`), or streams its tokens as SSE (`/stream`), with nothing in between: no routes, no
validation, no deadline, no ids.
"""

from __future__ import annotations

import sys
from typing import Any, cast

import grpc
import orjson

from benchmarks.servers.asgi import serve
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc


async def read(receive: Any) -> bytes:
    """Read a whole request body."""
    body = b""
    while True:
        message = await receive()
        body += cast(bytes, message.get("body", b""))
        if not message.get("more_body"):
            return body


async def answer(send: Any, data: bytes) -> None:
    """Answer with JSON."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": data})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Decode and encodes JSON, as any API must, and nothing else."""
    if scope["type"] == "http":
        await answer(send, orjson.dumps(orjson.loads(await read(receive))))


class Chain:
    """Bare ASGI → bare grpc.aio."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._stub: llm_pb2_grpc.LlmServiceStub | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        if self._stub is None:
            self._stub = llm_pb2_grpc.LlmServiceStub(grpc.aio.insecure_channel(self._target))
        asked = orjson.loads(await read(receive))
        messages = [llm_pb2.ChatMessage(role=llm_pb2.ROLE_USER, content=m["content"]) for m in asked["messages"]]
        if scope["path"] == "/chat":
            response = await self._stub.Chat(llm_pb2.ChatRequest(messages=messages))
            await answer(send, orjson.dumps({"message": {"content": response.message.content}}))
            return
        options = llm_pb2.ChatOptions(max_tokens=asked.get("options", {}).get("maxTokens", 0))
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for event in self._stub.StreamChat(llm_pb2.StreamChatRequest(messages=messages, options=options)):
            if event.delta.text:
                line = b"event: delta\ndata: " + orjson.dumps({"text": event.delta.text}) + b"\n\n"
                await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"event: finish\ndata: {}\n\n"})


if __name__ == "__main__":
    serve(echo if sys.argv[1] == "echo" else Chain(sys.argv[2]))
