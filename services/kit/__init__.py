"""What two or more services need and that carries no domain noun."""

from __future__ import annotations

import os

# Read by grpc when it is first imported. Tiku forks no process that goes on to use gRPC (workers are spawned), and
# with fork support on, each start of a process writes a warning.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
