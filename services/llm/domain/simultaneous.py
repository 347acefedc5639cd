"""Several targets that are asked at the same time for one call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

from services.kit.errors import TikuError
from services.llm.domain.allowance import Allowance
from services.llm.domain.targets import Target

EngineT = TypeVar("EngineT")
StartT = TypeVar("StartT")

Begin = Callable[[Target[Any]], Awaitable[StartT]]
"""Asks a target; what it returns is the answer, or the beginning of one."""
Discard = Callable[[StartT], Awaitable[None]]
"""Ends an answer that has begun and that nobody wants."""


class Candidates(Protocol[EngineT]):
    """The targets of one call, as `services.llm.domain.tries.Tries` counts them."""

    def spare(self) -> Target[EngineT] | None:
        """Return a target that has room for a call that is not needed yet, if there is one."""

    def at_once(self, most: int) -> list[Target[EngineT]]:
        """Return targets that may be asked now."""

    def asked(self, target: Target[Any]) -> None:
        """Count that a target is being asked."""

    def failed(self, target: Target[Any], error: TikuError) -> None:
        """Count that a target failed; raise `error` where it leaves no time to ask another."""


class _Asked(Generic[StartT]):
    """Targets that are being asked, in the order in which they were."""

    def __init__(self, candidates: Candidates[Any], begin: Begin[StartT]) -> None:
        self._candidates = candidates
        self._begin = begin
        self.tasks: dict[asyncio.Task[StartT], Target[Any]] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls, candidates: Candidates[Any], begin: Begin[StartT], discard: Discard[StartT]
    ) -> AsyncIterator[_Asked[StartT]]:
        """Ask within the block; at its end, what was not taken is canceled, and its providers' connections closed."""
        asked = cls(candidates, begin)
        try:
            yield asked
        finally:
            for task in asked.tasks:
                task.cancel()
            for result in await asyncio.gather(*asked.tasks, return_exceptions=True):
                if not isinstance(result, BaseException):
                    await discard(result)

    def ask(self, target: Target[Any]) -> None:
        self._candidates.asked(target)
        self.tasks[asyncio.ensure_future(self._begin(target))] = target

    async def wait(self, seconds: float | None) -> None:
        """Wait until one that is under way ends, at most so many seconds."""
        running = [task for task in self.tasks if not task.done()]
        await asyncio.wait(running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    def drop_failed(self) -> None:
        """Count those that failed, and forget them."""
        for task in [task for task in self.tasks if task.done()]:
            error = task.exception()
            if error is None:
                continue
            target = self.tasks.pop(task)
            if not isinstance(error, TikuError):
                raise error
            self._candidates.failed(target, error)


async def hedged(
    candidates: Candidates[EngineT],
    first: Target[EngineT],
    begin: Begin[StartT],
    discard: Discard[StartT],
    valid: Callable[[StartT], bool],
    *,
    patience: float | None,
    allowance: Allowance,
) -> tuple[Target[EngineT], StartT] | None:
    """Ask `first`, and another target as well once `patience` seconds passed; return the first to begin, and how.

    One that is not valid waits for the other, and is taken where that is no better. None means that all that were
    asked failed, which `candidates` knows. A target that fails before the patience is over is no reason to hedge: the
    next one is asked because of the failure.
    """
    async with _Asked.open(candidates, begin, discard) as asked:
        asked.ask(first)
        if patience is not None:
            await asked.wait(patience)
            under_way = not any(task.done() for task in asked.tasks)
            if under_way and allowance.left and (second := candidates.spare()) is not None:
                allowance.spend()
                asked.ask(second)
        while asked.tasks:
            asked.drop_failed()
            done = [task for task in asked.tasks if task.done()]
            chosen = _best(asked.tasks, valid) or (done[0] if done and len(done) == len(asked.tasks) else None)
            if chosen is not None:
                return asked.tasks.pop(chosen), chosen.result()
            if asked.tasks:
                await asked.wait(None)
    return None


async def raced(
    candidates: Candidates[EngineT],
    begin: Begin[StartT],
    discard: Discard[StartT],
    valid: Callable[[StartT], bool],
    *,
    most: int,
    grace_seconds: float,
) -> tuple[Target[EngineT], StartT] | None:
    """Ask so many targets at once; return the valid answer of the one that is preferred among those that came in time.

    The first valid answer waits `grace_seconds` for one of a preferred target. Where no answer is valid, it is the
    first of those that came; None means that all failed.
    """
    loop = asyncio.get_running_loop()
    async with _Asked.open(candidates, begin, discard) as asked:
        for target in candidates.at_once(most):
            asked.ask(target)
        ends: float | None = None
        while asked.tasks:
            asked.drop_failed()
            best = _best(asked.tasks, valid)
            if best is not None and not _earlier_runs(asked.tasks, best):
                break
            if best is not None and ends is None:
                ends = loop.time() + grace_seconds
            if all(task.done() for task in asked.tasks) or (ends is not None and loop.time() >= ends):
                break
            await asked.wait(None if ends is None else ends - loop.time())
        chosen = _best(asked.tasks, valid) or next((task for task in asked.tasks if task.done()), None)
        if chosen is None:
            return None
        return asked.tasks.pop(chosen), chosen.result()


def _best(
    tasks: dict[asyncio.Task[StartT], Target[Any]], valid: Callable[[StartT], bool]
) -> asyncio.Task[StartT] | None:
    return next((task for task in tasks if task.done() and not task.exception() and valid(task.result())), None)


def _earlier_runs(tasks: dict[asyncio.Task[StartT], Target[Any]], best: asyncio.Task[StartT]) -> bool:
    for task in tasks:
        if task is best:
            return False
        if not task.done():
            return True
    return False
