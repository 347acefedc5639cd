"""What two or more services need and what belongs to no domain."""

from __future__ import annotations

import os

# grpc reads this variable when it is first imported. With fork support on, each start of a process writes a warning,
# and Tiku needs no such support: it spawns its workers.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
