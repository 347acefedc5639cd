"""The server that a command talks to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

SERVER_VARIABLE: Final = "TIKU_SERVER"
DATA_VARIABLE: Final = "TIKU_DATA_DIR"
DEFAULT_DATA: Final = ".tiku"
DEFAULT_SERVER: Final = "http://127.0.0.1:8080"


def server_address(named: str | None = None) -> str:
    """Return the gateway's URL: `named`, or `TIKU_SERVER`, or that of the stack that runs on this data folder.

    Without any of them it is port 8080 on this machine. This reads a small file, so call it in a thread.
    """
    address = named or os.environ.get(SERVER_VARIABLE) or _running_stack() or DEFAULT_SERVER
    if "://" not in address:
        address = f"http://{address}"
    return address.rstrip("/")


def _running_stack() -> str | None:
    """Return the address that `tiku up` wrote to its data folder; None if no stack runs on it."""
    state = Path(os.environ.get(DATA_VARIABLE) or DEFAULT_DATA) / "run" / "stack.json"
    try:
        gateway = json.loads(state.read_text(encoding="utf-8"))["gateway"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return gateway if isinstance(gateway, str) else None
