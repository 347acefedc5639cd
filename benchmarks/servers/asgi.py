"""Serves an ASGI app on uvicorn as the gateway does (httptools, uvloop), on a free port that it prints."""

from __future__ import annotations

import socket
from typing import Any

import uvicorn


def serve(app: Any, *, suffix: str = "") -> None:
    """Serve until terminated; the first line printed is the base URL followed by `suffix`."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)  # Who reads the address may connect at once; uvicorn takes longer to begin.
    print(f"http://127.0.0.1:{listener.getsockname()[1]}{suffix}", flush=True)
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", log_level="warning", access_log=False, lifespan="auto"
    )
    uvicorn.Server(config).run(sockets=[listener])
