"""Command lines that run a module of this code base with the interpreter of this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command line of `python -m module argument…`."""
    return [sys.executable, "-m", module, *arguments]


def module_environment() -> dict[str, str]:
    """Return the variables with which Python finds the modules from any working folder, installed or in a checkout."""
    roots = [str(_ROOT), str(_ROOT / "protos" / "gen")]
    if inherited := os.environ.get("PYTHONPATH"):
        roots.append(inherited)
    return {"PYTHONPATH": os.pathsep.join(roots), "PYTHONUNBUFFERED": "1"}
