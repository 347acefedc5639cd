"""What two or more services need and what belongs to no domain."""

from __future__ import annotations

import os

# grpc reads this variable when it is first imported. With fork support on, each start of a process writes a warning,
# and Tiku needs no such support: it spawns its workers.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
# Through gRPC's event engine each message crosses two more threads, which is a fifth of what a small call costs.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener,-event_engine_dns")
