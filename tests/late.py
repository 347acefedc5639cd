"""Libraries that take long to import, in the process whose tests need them: each process collects all tests."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any


async def imported(module: str) -> Any:
    """Gives a module; to import it reads files, which would block the loop."""
    return await asyncio.to_thread(importlib.import_module, module)
