"""Waiting for what is bound to happen, but not at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def eventually(check: Callable[[], bool], within: float = 10.0) -> None:
    """Returns once ``check`` holds; raises TimeoutError when it does not within so many seconds."""
    async with asyncio.timeout(within):
        while not check():  # noqa: ASYNC110 - a check is no event
            await asyncio.sleep(0.005)
