"""The command `python -m services.embedded.qdrant_server --data DIR --port PORT`: serves until SIGTERM or SIGINT.

With `--metrics HOST:PORT` it reports on a Prometheus page how late its event loop is. Edge holds the GIL, so every call
of Edge stalls the loop; the loop has nothing else to do than to queue up calls for Edge.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import logging
import signal
from pathlib import Path

import grpc
from qdrant_client.grpc import (
    collections_service_pb2_grpc,
    points_service_pb2_grpc,
    qdrant_pb2_grpc,
    snapshots_service_pb2_grpc,
)

from services.embedded.qdrant_server.collections import Collections, EdgeThread
from services.embedded.qdrant_server.servicers import (
    CollectionsServicer,
    PointsServicer,
    QdrantServicer,
    SnapshotsServicer,
)
from services.kit import heap, logs
from services.kit.loop_lag import LoopLagMonitor
from services.kit.metrics_page import export_metrics

_UPKEEP_INTERVAL_SECONDS = 5.0
_DRAIN_SECONDS = 3.0
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024

logger = logging.getLogger(__name__)


async def serve(data: Path, host: str, port: int, lag: LoopLagMonitor) -> None:
    """Serve the collections in `data` until SIGTERM or SIGINT, then write them out and close them."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    thread = EdgeThread()
    collections = Collections(data / "collections")
    await thread.run(collections.load)
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", -1),
            # Otherwise a second server on this port would take some of the calls, and answer from other data.
            ("grpc.so_reuseport", 0),
        ]
    )
    qdrant_pb2_grpc.add_QdrantServicer_to_server(QdrantServicer(), server)  # type: ignore[no-untyped-call]
    collections_service_pb2_grpc.add_CollectionsServicer_to_server(CollectionsServicer(collections, thread), server)  # type: ignore[no-untyped-call]
    points_service_pb2_grpc.add_PointsServicer_to_server(PointsServicer(collections, thread), server)  # type: ignore[no-untyped-call]
    snapshots_service_pb2_grpc.add_SnapshotsServicer_to_server(SnapshotsServicer(), server)  # type: ignore[no-untyped-call]
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    logger.info("serving %s on %s:%d", data, host, bound)
    try:
        async with asyncio.TaskGroup() as group:
            chores = [group.create_task(chore) for chore in (_upkeep(collections, thread), lag.run())]
            await stop.wait()
            for chore in chores:
                chore.cancel()
    finally:
        await server.stop(_DRAIN_SECONDS)
        await thread.run(collections.close)
        await asyncio.to_thread(thread.close)
    logger.info("stopped")


async def _upkeep(collections: Collections, thread: EdgeThread) -> None:
    while True:
        await asyncio.sleep(_UPKEEP_INTERVAL_SECONDS)
        for name in await thread.run(collections.names):
            # An optimization stalls every call, so it waits for a pause.
            optimize = thread.idle
            await thread.run(functools.partial(collections.maintain, name, optimize))


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m services.embedded.qdrant_server", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 for any")
    parser.add_argument("--metrics", help="address of the Prometheus page (default: none)")
    options = parser.parse_args()
    lag = LoopLagMonitor()
    if options.metrics:
        export_metrics(options.metrics, lag)
    heap.settle()
    with logs.configured("qdrant"):
        asyncio.run(serve(options.data, options.host, options.port, lag))


if __name__ == "__main__":
    main()
