"""The command `python -m services.embedded.qdrant_server --data DIR --port PORT`: serves until SIGTERM or SIGINT.

With `--metrics HOST:PORT` it reports on a Prometheus page how late its event loop is.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

from services.kit.qdrant_messages import without_client_library

# Before the imports below, which would load all of the client library.
without_client_library()

from services.embedded.data_lock import DataFolderError, data_folder  # noqa: E402
from services.embedded.options import Options  # noqa: E402
from services.embedded.qdrant_server.forks import Forks  # noqa: E402
from services.embedded.qdrant_server.hosts import UPKEEP_POINTS  # noqa: E402
from services.embedded.qdrant_server.layout import LayoutError  # noqa: E402
from services.embedded.qdrant_server.server import serve  # noqa: E402
from services.embedded.qdrant_server.worker import Worker  # noqa: E402
from services.kit import addresses, heap, logs  # noqa: E402
from services.kit.loop_lag import LoopLagMonitor  # noqa: E402
from services.kit.metrics_page import export_metrics, process_registry  # noqa: E402
from services.kit.start import StartError  # noqa: E402


def _work(connection: socket.socket, folder: Path) -> None:
    with logs.configured("qdrant"):
        Worker(connection, folder).run()


def main() -> None:
    """Parse the command line and serve."""
    parser = Options(prog="python -m services.embedded.qdrant_server", description=__doc__)
    parser.add_argument("--data", required=True, help="folder of the collections")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 for any")
    parser.add_argument("--metrics", help="host:port of the Prometheus page (default: none)")
    parser.add_argument(
        "--upkeep-points",
        type=int,
        default=UPKEEP_POINTS,
        help="changed points after which a collection is indexed anew (default: %(default)s)",
    )
    options = parser.parse_args()
    try:
        data = data_folder(options.data)
        addresses.host_and_port(listen := addresses.with_port(options.host, options.port))
    except (DataFolderError, StartError) as error:
        sys.exit(str(error))
    forks = Forks.start(data, _work)
    lag = LoopLagMonitor()
    with logs.configured("qdrant"):
        try:
            if options.metrics:
                export_metrics(options.metrics, process_registry(lag))
            heap.settle()
            asyncio.run(serve(data, listen, forks, lag, options.upkeep_points))
        except (DataFolderError, LayoutError, StartError) as error:
            sys.exit(str(error))
        except OSError as error:
            sys.exit(f"the data folder {data} cannot be used: {error}")


if __name__ == "__main__":
    main()
