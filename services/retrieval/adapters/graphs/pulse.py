"""Whether an engine still answers, asked beside the calls that wait for it.

An engine that stands still holds its connections open, so a call that waits cannot tell it from one that has much to
do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

_INTERVAL_SECONDS = 1.0
"""How long a call may take before somebody asks."""
_PATIENCE_SECONDS = 4.0
"""How long an engine may take to say that it is there, also on a busy machine."""

_LOOKS = 8

logger = logging.getLogger(__name__)


class StandsStillError(TimeoutError):
    """The engine does not answer, whatever it is asked."""


class Pulse:
    """Ends the calls that wait for an engine once it does not answer `ask` any more, which asks for next to nothing."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[Any]],
        interval_seconds: float = _INTERVAL_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._ask = ask
        self._interval_seconds = interval_seconds
        self._patience_seconds = patience_seconds
        self._calls: set[asyncio.Timeout] = set()
        self._lost: set[asyncio.Timeout] = set()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, ask: Callable[[], Awaitable[Any]]) -> AsyncGenerator[Self, None]:
        """Open a pulse, which asks only while calls wait."""
        pulse = cls(ask)
        try:
            yield pulse
        finally:
            if pulse._task is not None:
                pulse._task.cancel()
                await asyncio.wait([pulse._task])

    @asynccontextmanager
    async def watched(self, seconds: float) -> AsyncGenerator[None, None]:
        """Bound a block by `seconds`, and by the engine's answering.

        Raises:
            StandsStillError: the engine does not answer.
            TimeoutError: it does, and the block took too long.
        """
        async with asyncio.timeout(seconds) as call:
            self._calls.add(call)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._run(), name="graph pulse")
            try:
                yield
            except asyncio.CancelledError:
                if call in self._lost:
                    raise StandsStillError from None
                raise
            finally:
                self._calls.discard(call)
                self._lost.discard(call)

    async def _run(self) -> None:
        while self._calls:
            await asyncio.sleep(self._interval_seconds)
            if not self._calls:
                return
            if not await self._is_answered():
                logger.warning("the graph engine stands still", extra={"calls": len(self._calls)})
                self._give_up()

    async def _is_answered(self) -> bool:
        """Return whether the engine says anything in time; a connection that broke ends the calls on it by itself."""
        asking = asyncio.ensure_future(self._ask())
        try:
            # Look by look: where this loop itself was held up, the answer is there at the next one.
            for _ in range(_LOOKS):
                await asyncio.wait([asking], timeout=self._patience_seconds / _LOOKS)
                if asking.done():
                    return True
            return False
        finally:
            asking.cancel()
            for error in await asyncio.gather(asking, return_exceptions=True):
                if isinstance(error, Exception):
                    logger.info("the graph engine was asked in vain", extra={"error": str(error)})

    def _give_up(self) -> None:
        now = asyncio.get_running_loop().time()
        for call in self._calls:
            if not call.expired():
                self._lost.add(call)
                call.reschedule(now)
