"""A process that starts when somebody first connects to its port."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from services.embedded.network import LOOPBACK
from services.embedded.process import ProcessFailedError

_PAUSE_SECONDS = 10.0
"""Seconds after a start that failed before the next connection may cause another one."""

logger = logging.getLogger(__name__)


async def start_on_demand(port: int, start: Callable[[], Awaitable[None]]) -> None:
    """Listen on `127.0.0.1:port` until somebody connects, and return once `start` has put a server in its place.

    Who connected is hung up on, and finds the server when it tries again. A start that fails is tried again at the
    next connection.
    """
    while True:
        await _first_connection(port)
        try:
            await start()
        except (ProcessFailedError, OSError) as error:
            logger.warning("%s", error)
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return


async def _first_connection(port: int) -> None:
    connected = asyncio.Event()

    def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        with contextlib.suppress(OSError):
            writer.close()

    async with await asyncio.start_server(hang_up, LOOPBACK, port):
        await connected.wait()
