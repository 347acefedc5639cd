"""An OpenAI-compatible provider of a stated latency, on a bare asyncio protocol so that it takes little of the machine.

`python -m benchmarks.servers.provider --latency 0.3 [--tokens 40] [--pace 0] [--tail 0]` prints its base URL, serves. A
whole answer comes after the latency; a stream's first token comes after the latency, the others `pace` seconds apart
(0: as fast as they are taken, each in a write of its own). Every twentieth answer is `tail` seconds later. A request
for JSON gets one fill-in-the-blank question about the sentence that it names, as its schema wants it, streamed in
pieces of 40 characters. It understands no more of HTTP than its clients here send: POST with a Content-Length over
kept-alive connections.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from typing import Any, cast

import orjson
import uvloop

USAGE = {"prompt_tokens": 20, "completion_tokens": 40, "total_tokens": 60}
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"


def question(prompt: str, schema: Mapping[str, Any]) -> str:
    """Return a fill-in-the-blank question, as JSON, about the sentence after "Ask about this sentence:".

    A schema that allows no further properties gets none, as a model's does whose words it decides.
    """
    quote = prompt.rpartition("Ask about this sentence: ")[2].partition("\n")[0].strip()
    word = max(quote.rstrip(".").split(), key=len)
    asked = {
        "quote": quote,
        "stem": quote.replace(word, "____", 1),
        "answer": word,
        "explanation": f"The sentence names {word}.",
    }
    if schema.get("additionalProperties") is False:
        asked = {name: asked[name] for name in schema["properties"]}
    return json.dumps(asked)


class Connection(asyncio.Protocol):
    """One client: a request, its answer, the next request."""

    def __init__(self, latency: float, tokens: int, pace: float, late: Callable[[], float]) -> None:
        self._latency = latency
        self._late = late
        self._tokens = ["token "] * tokens
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._pieces: Iterator[bytes] = iter(())
        self._later: asyncio.Handle | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what waits for an answer."""
        if self._later is not None:
            self._later.cancel()

    def data_received(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        lines = bytes(self._received[:head]).lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(self._received) < head + 4 + length:
            return
        # LiteLLM asks for the list of models when it starts; any answer will do.
        asked = orjson.loads(self._received[head + 4 : head + 4 + length] or b"{}")
        del self._received[: head + 4 + length]
        self._later = self._loop.call_later(self._latency + self._late(), self._answer, asked)

    def pause_writing(self) -> None:
        """Stop writing until the peer reads."""
        self._paused = True

    def resume_writing(self) -> None:
        """Write on."""
        self._paused = False
        self._write_next()

    def _answer(self, asked: dict[str, Any]) -> None:
        tokens = self._tokens
        if "response_format" in asked:
            schema = asked["response_format"]["json_schema"]["schema"]
            written = question(asked["messages"][-1]["content"], schema)
            tokens = [written[i : i + 40] for i in range(0, len(written), 40)]
        if asked.get("stream"):
            self._pieces = _stream(tokens)
            self._transport.write(_STREAM)
            self._write_next()
        else:
            body = _whole("".join(tokens), asked.get("model", "bench"))
            self._transport.write(_WHOLE % len(body) + body)

    def _write_next(self) -> None:
        piece = next(self._pieces, None)
        if piece is None:
            return
        self._transport.write(piece)
        if not self._paused:
            self._later = self._loop.call_later(self._pace, self._write_next)


def _whole(text: str, model: str) -> bytes:
    return orjson.dumps(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"},
            ],
            "usage": USAGE,
        }
    )


def _stream(tokens: list[str]) -> Iterator[bytes]:
    """Return a streamed answer, a chunk of HTTP a token."""
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "bench"}
    for token in tokens:
        delta = {**head, "choices": [{"index": 0, "delta": {"content": token}, "finish_reason": None}]}
        yield _chunk(b"data: " + orjson.dumps(delta) + b"\n\n")
    last = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE}
    yield _chunk(b"data: " + orjson.dumps(last) + b"\n\ndata: [DONE]\n\n") + _END


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def serve(latency: float, tokens: int, pace: float, tail: float) -> None:
    """Serve on a free port until terminated; prints the base URL once it does."""
    loop = asyncio.get_running_loop()
    delays = cycle([tail, *[0.0] * 19])

    def connection() -> Connection:
        return Connection(latency, tokens, pace, lambda: next(delays))

    server = await loop.create_server(connection, "127.0.0.1", 0, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--pace", type=float, default=0.0)
    parser.add_argument("--tail", type=float, default=0.0)
    asked = parser.parse_args()
    uvloop.run(serve(asked.latency, asked.tokens, asked.pace, asked.tail))


if __name__ == "__main__":
    main()
