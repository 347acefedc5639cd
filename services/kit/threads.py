"""The threads in which a process does what would block its loop."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

MOST = min(32, (os.cpu_count() or 1) + 4)
"""As many as Python's own default."""


async def start_threads(count: int = MOST) -> None:
    """Give the running loop a default executor of so many threads, all of which have started.

    Else the loop starts them as calls need them, and waits for each until it has a core: one held it for 147 ms on a
    busy machine.
    """
    executor = ThreadPoolExecutor(count, thread_name_prefix="blocking")
    # A thread that waits for the others is not free, so each call starts another one.
    everyone = Barrier(count)
    try:
        calls = [executor.submit(everyone.wait) for _ in range(count)]
    except RuntimeError:  # The system gives no more threads.
        everyone.abort()
        raise
    await asyncio.gather(*map(asyncio.wrap_future, calls))
    asyncio.get_running_loop().set_default_executor(executor)
