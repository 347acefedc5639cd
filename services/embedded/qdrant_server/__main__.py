"""The command `python -m services.embedded.qdrant_server --data DIR --port PORT`: serves until SIGTERM or SIGINT.

With `--metrics HOST:PORT` it reports on a Prometheus page how late its event loop is.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from pathlib import Path

from services.kit.qdrant_messages import without_client_library

# Before the imports below, which would load all of the client library.
without_client_library()

from services.embedded.data_lock import DataFolderError  # noqa: E402
from services.embedded.qdrant_server.forks import Forks  # noqa: E402
from services.embedded.qdrant_server.hosts import UPKEEP_POINTS  # noqa: E402
from services.embedded.qdrant_server.layout import LayoutError  # noqa: E402
from services.embedded.qdrant_server.server import ListenError, serve  # noqa: E402
from services.embedded.qdrant_server.worker import Worker  # noqa: E402
from services.kit import heap, logs  # noqa: E402
from services.kit.loop_lag import LoopLagMonitor  # noqa: E402
from services.kit.metrics_page import export_metrics  # noqa: E402

_HIGHEST_PORT = 65535


def _work(connection: socket.socket, folder: Path) -> None:
    with logs.configured("qdrant"):
        Worker(connection, folder).run()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"must be 0 to {_HIGHEST_PORT}")
    return port


def _address(text: str) -> str:
    _port(text.rpartition(":")[2])
    return text


def _export(address: str, lag: LoopLagMonitor) -> None:
    try:
        export_metrics(address, lag)
    except OSError as error:
        raise ListenError(f"cannot listen on {address} for the Prometheus page: {error}") from error


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m services.embedded.qdrant_server", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, required=True, help="port to listen on; 0 for any")
    parser.add_argument("--metrics", type=_address, help="host:port of the Prometheus page (default: none)")
    parser.add_argument(
        "--upkeep-points",
        type=int,
        default=UPKEEP_POINTS,
        help="changed points after which a collection is indexed anew (default: %(default)s)",
    )
    options = parser.parse_args()
    forks = Forks.start(options.data, _work)
    lag = LoopLagMonitor()
    with logs.configured("qdrant"):
        try:
            if options.metrics:
                _export(options.metrics, lag)
            heap.settle()
            asyncio.run(serve(options.data, options.host, options.port, forks, lag, options.upkeep_points))
        except (DataFolderError, LayoutError, ListenError) as error:
            sys.exit(str(error))
        except OSError as error:
            sys.exit(f"the data folder {options.data} cannot be used: {error}")


if __name__ == "__main__":
    main()
