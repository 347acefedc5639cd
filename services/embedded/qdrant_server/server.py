"""The server of the embedded Qdrant: one data folder, one port, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import grpc

from services.embedded.data_lock import data_lock
from services.embedded.qdrant_server.collections import Collections
from services.embedded.qdrant_server.forks import Forks
from services.embedded.qdrant_server.layout import check_layout
from services.embedded.qdrant_server.service import handlers
from services.kit import addresses
from services.kit.loop_lag import LoopLagMonitor

_DRAIN_SECONDS = 3.0
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024

logger = logging.getLogger(__name__)


async def serve(data: Path, listen: str, forks: Forks, lag: LoopLagMonitor, upkeep_points: int) -> None:
    """Serve the collections in `data` until SIGTERM or SIGINT.

    Raises:
        DataFolderError: the folder cannot be used, or another server holds it.
        LayoutError: this server cannot read what is in it.
        services.kit.addresses.ListenError: the port is taken, or the address is none of this machine's.
    """
    await asyncio.to_thread(addresses.check, listen)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with data_lock(data):
        await asyncio.to_thread(check_layout, data)
        collections = Collections(data / "collections", forks, upkeep_points)
        await collections.load()
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", -1),
                # Otherwise a second server on this port would take some of the calls, and answer from other data.
                ("grpc.so_reuseport", 0),
            ]
        )
        server.add_generic_rpc_handlers(handlers(collections))
        try:
            bound = server.add_insecure_port(listen)
        except RuntimeError as error:
            raise addresses.ListenError(f"cannot listen on {listen}: gRPC says {error}") from error
        await server.start()
        logger.info("serving %s on %s", data, addresses.with_port(addresses.host_and_port(listen)[0], bound))
        try:
            async with asyncio.TaskGroup() as group:
                chores = [group.create_task(chore) for chore in (collections.keep_up(), lag.run(), forks.failed())]
                await stop.wait()
                for chore in chores:
                    chore.cancel()
        finally:
            await server.stop(_DRAIN_SECONDS)
            await collections.close()
            forks.close()
    logger.info("stopped")
