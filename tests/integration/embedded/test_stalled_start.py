"""A service that is stopped while it starts: the stack gives it up, says which it was, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from services.embedded.process import State
from services.stack.launch import StackError, StackOptions, running_stack
from tests.processes import descendants, gone

_STALL_SECONDS = 8.0


class _Stopper:
    """Stops a service's process as soon as it is started."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.waits: list[str] = []
        self.stopping: asyncio.Task[None] | None = None

    def show(self, name: str, state: State, why: str = "") -> None:
        if name == self._name and state is State.STARTING:
            self.stopping = asyncio.create_task(self._stop())

    def show_wait(self, name: str, what: str, seconds: float) -> None:
        if name == self._name:
            self.waits.append(what)

    def show_disk(self, full: bool, free_bytes: int) -> None:
        pass

    async def _stop(self) -> None:
        while (pid := await asyncio.to_thread(_pid_of, self._name)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # another process: there is no event
        os.kill(pid, signal.SIGSTOP)


def _pid_of(name: str) -> int | None:
    for child in psutil.Process().children():
        if child.cmdline()[-2:] == ["services.serve", name]:
            return child.pid
    return None


async def test_a_service_that_is_stopped_while_it_starts_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKU_EMBED_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("TIKU_EMBED_MODEL", "none")
    monkeypatch.setattr("services.stack.launch.STALL_SECONDS", _STALL_SECONDS)
    before = await descendants(os.getpid())
    stopper = _Stopper("retrieval")
    options = StackOptions(data=folder / "data", port=0, ports="free", chat_model=None)
    with pytest.raises(StackError, match=r"retrieval stood still for \d+ s while starting") as caught:
        async with running_stack(options, stopper):
            pytest.fail("it started")
    assert str(folder / "data" / "logs" / "retrieval.log") in str(caught.value)
    assert stopper.waits
    await gone(await descendants(os.getpid()) - before)
