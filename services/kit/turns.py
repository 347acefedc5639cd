"""Work that comes all at once, a little in each turn of the loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

_AT_ONCE = 4


class Turns:
    """Runs callbacks in their order, a few in a turn of the loop, so that others get their turn in between.

    A hundred sockets that are ready together would else hold the loop for as long as all that is done with them takes.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: deque[Callable[[], object]] = deque()
        self._is_running = False
        """Whether the loop is asked to run some."""

    def soon(self, act: Callable[[], object]) -> None:
        """Run a callback behind those that are due."""
        self._due.append(act)
        if not self._is_running:
            self._is_running = True
            self._loop.call_soon(self._run_some)

    def _run_some(self) -> None:
        try:
            for _ in range(min(_AT_ONCE, len(self._due))):
                self._due.popleft()()
        finally:
            self._is_running = bool(self._due)
            if self._due:
                self._loop.call_soon(self._run_some)
