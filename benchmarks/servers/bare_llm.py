"""LlmService.StreamChat with nothing around it: bare grpc.aio over a bare aiohttp stream of the provider.

`python -m benchmarks.servers.bare_llm BASE_URL` prints its address and serves: the limit for the llm service.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import grpc
import orjson
import uvloop

from tiku.llm.v1 import llm_pb2, llm_pb2_grpc


class BareLlm(llm_pb2_grpc.LlmServiceServicer):
    """One message a token."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._url = f"{base_url}/chat/completions"

    async def StreamChat(self, request: llm_pb2.StreamChatRequest, context: Any) -> AsyncIterator[Any]:
        """Stream the answer."""
        body = {"stream": True, "messages": [{"role": "user", "content": m.content} for m in request.messages]}
        async with self._session.post(self._url, data=orjson.dumps(body)) as response:
            async for line in response.content:
                if not line.startswith(b"data: {"):
                    continue
                for choice in orjson.loads(line[6:])["choices"]:
                    if text := choice["delta"].get("content"):
                        yield llm_pb2.StreamChatResponse(delta=llm_pb2.ChatDelta(text=text))
        yield llm_pb2.StreamChatResponse(finish=llm_pb2.ChatFinish())


async def main(base_url: str) -> None:
    """Parse the command line and run."""
    server = grpc.aio.server()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        llm_pb2_grpc.add_LlmServiceServicer_to_server(BareLlm(session, base_url), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(f"127.0.0.1:{port}", flush=True)
        await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
