"""What `tiku up` shows while the stack starts: a live table on a terminal, lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from services import models
from services.embedded.process import State
from services.kit.restarts import WINDOW_SECONDS
from services.models.cli import progress_bars
from services.stack.launch import StackOptions, local_chat_model, local_embedding_model

_STYLES = {
    State.READY: "green",
    State.FAILED: "red",
    State.RESTARTING: "yellow",
    State.STOPPED: "dim",
}
_SHOW_WAIT_AFTER_SECONDS = 5.0
_SHOW_WAIT_EVERY_SECONDS = 15.0
"""How often a wait gets another line where there is no terminal."""
_MB = 1024 * 1024
_NEXT_TRY = f"it is tried again in {WINDOW_SECONDS / 60:g} minutes"
_MOVING = frozenset({State.STARTING, State.RESTARTING, State.STOPPING})


async def pull_missing_models(options: StackOptions, console: Console) -> None:
    """Bring the local models that the stack needs to this machine, with a progress bar for each.

    Raises:
        services.models.ModelError: a model cannot be brought.
    """
    needed = [name for name in (local_embedding_model(options), local_chat_model(options)) if name]
    missing = [name for name in needed if await models.path(name) is None]
    if not missing:
        return
    console.print(f"First start: bringing {' and '.join(missing)} to this machine.", highlight=False, soft_wrap=True)
    with progress_bars(console) as report:
        for name in missing:
            await models.pull(name, report)


class StackView:
    """Shows the state of each process, when it was reached, and what takes long."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._states: dict[str, tuple[State, float]] = {}
        self._waits: dict[str, str] = {}
        self._shown_waits: dict[str, float] = {}
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=8, transient=True)
        self._showing = False
        self._serving = False

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
            self._showing = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._settle()

    def show(self, name: str, state: State, why: str = "") -> None:
        """Take a change of state."""
        seconds = time.monotonic() - self._began
        self._states[name] = (state, seconds)
        self._waits.pop(name, None)
        self._shown_waits.pop(name, None)
        words = f"{state}: {why}" if why else str(state)
        if state is State.FAILED and self._serving:
            words = f"down: {why}; what needs it is not ready, the rest serves on, and {_NEXT_TRY}"
        self._print_line(name, words, _STYLES.get(state, ""))

    def show_disk(self, full: bool, free_bytes: int) -> None:
        """Show whether the disk is nearly full."""
        room = f"{free_bytes // _MB} MB are left"
        if full:
            self._print_line("disk", f"full: {room}; writes are refused until there is more, reads go on", "red")
        else:
            self._print_line("disk", f"{room}; writes are taken again", "green")

    def show_wait(self, name: str, what: str, seconds: float) -> None:
        """Take what a process is still doing, and for how many seconds; short waits are not shown."""
        if seconds < _SHOW_WAIT_AFTER_SECONDS:
            return
        self._waits[name] = f"{what}, {seconds:.0f} s"
        if seconds - self._shown_waits.get(name, -_SHOW_WAIT_EVERY_SECONDS) >= _SHOW_WAIT_EVERY_SECONDS:
            self._shown_waits[name] = seconds
            self._print_line(name, self._waits[name], "dim")

    def ready(self, gateway: str, data: Path) -> None:
        """Show the table for the last time, and where the gateway is."""
        seconds = time.monotonic() - self._began
        self._settle()
        self._serving = True
        self._console.print(f"\n[bold green]Tiku is ready[/] after {seconds:.1f} s: [bold]{gateway}[/]")
        self._console.print(
            f"API pages {gateway}/docs · data and logs in {data} · Ctrl-C stops", style="dim", soft_wrap=True
        )

    def _print_line(self, name: str, words: str, style: str) -> None:
        """Print a line where there is no live table."""
        if not self._showing:
            moment = time.strftime("%H:%M:%S") if self._serving else f"{time.monotonic() - self._began:6.1f} s"
            line = Text(f"{moment}  {name:<10} ")
            line.append(words, style=style)
            # A terminal that is gone, or a file on a full disk, must not end the watch over the processes.
            with contextlib.suppress(OSError):
                self._console.print(line, soft_wrap=True)

    def _settle(self) -> None:
        if self._showing:
            self._showing = False
            self._live.stop()
            self._console.print(self._table())

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, (state, seconds) in self._states.items():
            style = _STYLES.get(state, "")
            mark = Spinner("dots") if state in _MOVING and self._showing else Text("●", style=style)
            wait = self._waits.get(name)
            table.add_row(mark, name, Text(wait or str(state), style=style), "" if wait else f"{seconds:.1f} s")
        return table
