"""One fault at a time in a running stack under load, and what it did."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.e2e.stack import RefusedError, Up
from tests.faults.arming import arm, fired
from tests.faults.cases import DISK, Case
from tests.faults.checks import Facts, Finding, findings
from tests.faults.links import Link
from tests.faults.load import CALL_SECONDS, Load
from tests.faults.stores import collect
from tests.faults.victims import family_of, pids_of, workers_of
from tests.faults.volume import filled
from tests.integration.upkeep import house

WELL_SECONDS = 15.0
"""So soon after a fault all is well again on a quiet machine."""
_QUIET_SECONDS = 40.0
"""So long there jobs and runs may take to come to rest: a lease has to run out, and a retry has to come."""
STALL_SECONDS = CALL_SECONDS + 1.5
"""How long a process is stopped or a link silent: longer than a deadline."""
_CUT_SECONDS = 1.0
_FULL_SECONDS = 3.0
_SLOW_STOPPED_SECONDS, _SLOW_RUNNING_SECONDS = 0.08, 0.02
"""A slow process runs for a fifth of the time."""
_MOMENTS_SECONDS = (0.05, 1.0)
"""When after the load's begin a fault comes that has no failpoint as its moment."""
_POLL_SECONDS = 0.02
_NOTICE_TRIES, _NOTICE_SECONDS = 50, 0.1


@dataclass(slots=True)
class Outcome:
    """What one fault did."""

    case: Case
    reached: bool
    well_seconds: float
    found: list[Finding]


@dataclass(slots=True)
class Trial:
    """A stack on which fault follows fault.

    `folder` is where its failpoints are armed, `links` are its links, `variables` what it was started with.
    """

    up: Up
    folder: Path
    links: Mapping[str, Link]
    variables: Mapping[str, str]
    facts: Facts = field(default_factory=Facts)
    random: random.Random = field(default_factory=random.Random)
    load: Load = field(init=False)

    def __post_init__(self) -> None:
        self.load = Load(self.up.rest, self.facts)

    async def run(self, case: Case) -> Outcome:
        """Inject one fault under load, wait until all is quiet, and check everything."""
        self.facts.calls.clear()
        self.facts.streams.clear()
        self.facts.restarted.clear()
        self.load.stall_seconds = STALL_SECONDS if (case.victim, case.action) == ("gateway", "stop") else 0.0
        before = await self._all_pids()
        reached, lifted = await self._inject(case)
        stuck = await self._well_again(lifted)
        seconds = asyncio.get_running_loop().time() - lifted
        after = await self._all_pids()
        spared = before.keys() - ({case.victim} if case.is_crash else set())
        self.facts.restarted += sorted(name for name in spared if before[name] != after.get(name))
        found = [*stuck, *await self._quiet_findings()]
        return Outcome(case, reached, seconds, found)

    async def fsck(self) -> list[Finding]:
        """Return what `tiku fsck` finds."""
        _, output = await house.tiku(self.up.data, "fsck", "--json", **self.variables)
        return findings(Facts(fsck=house.summary(output)))

    async def _inject(self, case: Case) -> tuple[bool, float]:
        """Break and mend something under load; return whether that was reached, and when it was mended."""
        if case.point:
            await arm(self.folder, case.point, case.action)
        if case.at:
            await arm(self.folder, case.at, "sleep(0)")
        pids = await self._pids(case)
        carried = self.links[case.target].carried if case.is_link else 0
        clock = asyncio.get_running_loop().time
        async with asyncio.TaskGroup() as group:
            load = group.create_task(self.load.run())
            if case.point or case.at:
                reached = await self._fires(case.point or case.at, load) and bool(pids)
            else:
                await asyncio.sleep(self.random.uniform(*_MOMENTS_SECONDS))
                reached = bool(pids)
            if case.is_link:
                await self._break_link(case, load)
            elif case.target == DISK:
                reached = await self._fill_disk(load)
            elif reached:
                await self._hit(case, pids, load)
            # A hang is ended by the deadline of its call.
            lifted = None if case.action == "hang" else clock()
        if case.is_link:
            reached = self.links[case.target].carried > carried
        return reached, clock() if lifted is None else lifted

    async def _all_pids(self) -> dict[str, int]:
        """Return the processes, once `tiku up` has noticed that all of them run; else those that do."""
        for _ in range(_NOTICE_TRIES):
            found = pids_of(state := await self.up.state())
            if len(found) == len(state["services"] | state["engines"]):
                break
            await asyncio.sleep(_NOTICE_SECONDS)
        return found

    async def _pids(self, case: Case) -> set[int]:
        if not case.victim:
            return set()
        pid = (await self._all_pids())[case.victim]
        if case.is_worker:
            return await workers_of(pid)
        return {pid} if case.action == "kill" or case.point else await family_of(pid)

    async def _hit(self, case: Case, pids: set[int], load: asyncio.Task[None]) -> None:
        """Send the signals of a case; a failpoint has stopped or killed its process by itself."""
        if case.action == "kill" and not case.point:
            _signal(pids, signal.SIGKILL)
        elif case.action == "stop":
            if not case.point:
                _signal(pids, signal.SIGSTOP)
            await asyncio.sleep(STALL_SECONDS)
            _signal(pids, signal.SIGCONT)
        elif case.action == "slow":
            while not load.done():
                _signal(pids, signal.SIGSTOP)
                await asyncio.sleep(_SLOW_STOPPED_SECONDS)
                _signal(pids, signal.SIGCONT)
                await asyncio.sleep(_SLOW_RUNNING_SECONDS)

    async def _break_link(self, case: Case, load: asyncio.Task[None]) -> None:
        link = self.links[case.target]
        if case.action == "cut":
            link.cut()
            await asyncio.sleep(_CUT_SECONDS)
        elif case.action == "silence":
            link.silence()
            await asyncio.sleep(STALL_SECONDS)
        else:
            link.slow()
            await asyncio.wait({load})
        link.mend()

    async def _fill_disk(self, load: asyncio.Task[None]) -> bool:
        """Fill the volume, go on with the load while it is full, and make room again."""
        async with filled(self.up.data):
            await asyncio.wait({load})
            await asyncio.sleep(_FULL_SECONDS)
            await self.load.run()
            return "DISK_FULL" in self.load.refusals

    async def _fires(self, point: str, load: asyncio.Task[None]) -> bool:
        """Wait until a point is reached, as long as there is load; return whether it was, and disarm it if not."""
        while not load.done() and await asyncio.to_thread((self.folder / point).exists):  # noqa: ASYNC110 - processes
            await asyncio.sleep(_POLL_SECONDS)
        return await fired(self.folder, point)

    async def _well_again(self, lifted: float) -> list[Finding]:
        """Wait until the gateway is ready and a new upload, answer and generation go through."""
        last = ""
        try:
            async with asyncio.timeout_at(lifted + (within := WELL_SECONDS * self.facts.slowness)):
                while last := await self._unwell():  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.2)
        except TimeoutError:
            return [Finding("stuck", f"not well {within:g} s after the fault: {last or 'a call hangs'}")]
        return []

    async def _unwell(self) -> str:
        rest = self.up.rest
        try:
            async with rest._http.get(f"{rest.gateway}/readyz") as answer:
                if answer.status != 200:
                    return f"/readyz is {answer.status}: {await answer.text()}"
        except aiohttp.ClientError as error:
            return repr(error)
        return await self.load.probe()

    async def _quiet_findings(self) -> list[Finding]:
        """Return what is wrong once jobs and runs had time to come to rest."""
        found = [Finding("stuck", "the stores cannot be read")]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_QUIET_SECONDS * self.facts.slowness):
                while True:
                    with contextlib.suppress(RefusedError, aiohttp.ClientError, OSError):
                        await self.load.read_on()
                        await collect(self.up, self.facts)
                        found = findings(self.facts)
                    if not any(finding.kind in {"stuck", "lost"} for finding in found):
                        break
                    await asyncio.sleep(0.5)
        return found


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
