"""LlmService.Chat answering with what it was asked: through all of the kit's interceptors, or on bare grpc.aio.

`python -m benchmarks.servers.echo kit|raw [tokens]` prints its address and serves until terminated. StreamChat writes
as many deltas as `ChatOptions.max_tokens` says, unpaced.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import uvloop

from services.kit.server import App, Registration, running
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc


class Echo(llm_pb2_grpc.LlmServiceServicer):
    """The cheapest servicer there is: what is measured is what stands around it."""

    async def Chat(self, request: llm_pb2.ChatRequest, context: Any) -> llm_pb2.ChatResponse:
        """Echo the message."""
        return llm_pb2.ChatResponse(message=request.messages[0], model="echo")

    async def StreamChat(self, request: llm_pb2.StreamChatRequest, context: Any) -> AsyncIterator[Any]:
        """Stream the answer."""
        delta = llm_pb2.StreamChatResponse(delta=llm_pb2.ChatDelta(text="token "))
        for _ in range(request.options.max_tokens):
            yield delta
        yield llm_pb2.StreamChatResponse(finish=llm_pb2.ChatFinish(finish_reason=llm_pb2.FINISH_REASON_STOP))


async def main(kind: str) -> None:
    """Parse the command line and run."""
    if kind == "kit":
        registration = Registration(
            llm_pb2_grpc.add_LlmServiceServicer_to_server,
            Echo(),
            llm_pb2.DESCRIPTOR.services_by_name["LlmService"].full_name,
        )
        async with running(App("echo", [registration]), "127.0.0.1:0") as server:
            print(server.address, flush=True)
            await asyncio.Event().wait()
    bare = grpc.aio.server()
    llm_pb2_grpc.add_LlmServiceServicer_to_server(Echo(), bare)
    port = bare.add_insecure_port("127.0.0.1:0")
    await bare.start()
    print(f"127.0.0.1:{port}", flush=True)
    await bare.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
