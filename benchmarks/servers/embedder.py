"""LlmService.Embed with vectors that cost nothing: one of a few hundred, chosen by the text, on bare grpc.aio.

`python -m benchmarks.servers.embedder` prints its address and serves.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import grpc
import numpy as np
import uvloop

from benchmarks.scale.library import MODEL, Library
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc

_VECTORS = 400


class Embedder(llm_pb2_grpc.LlmServiceServicer):
    """Vectors made beforehand."""

    def __init__(self) -> None:
        library, dice = Library(), np.random.default_rng(2)
        self._vectors = [llm_pb2.Embedding(values=library.vector(topic, dice)) for topic in range(_VECTORS)]

    async def Embed(self, request: llm_pb2.EmbedRequest, context: Any) -> llm_pb2.EmbedResponse:
        """Return a vector for each text."""
        chosen = [self._vectors[crc32(text.encode()) % _VECTORS] for text in request.texts]
        return llm_pb2.EmbedResponse(embeddings=chosen, dimension=len(chosen[0].values), model=MODEL)


async def main() -> None:
    """Serve."""
    server = grpc.aio.server()
    llm_pb2_grpc.add_LlmServiceServicer_to_server(Embedder(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main())
