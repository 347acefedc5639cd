"""What a backup, a restore or a check shows while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


class Steps(Protocol):
    """Who is told how far the work is."""

    def step(self, name: str, total: int | None = None) -> None:
        """Take the beginning of a step, with how much there is to do; None where that is not known."""

    def advance(self, amount: int) -> None:
        """Take how much more of the step is done."""


class _Shown:
    """Bars on a terminal, a line a step elsewhere."""

    def __init__(self, console: Console, bars: Progress) -> None:
        self._console = console
        self._bars = bars
        self._task = None if not console.is_terminal else bars.add_task("", start=True, total=None)

    def step(self, name: str, total: int | None = None) -> None:
        """Begin a step."""
        if self._task is None:
            self._console.print(name, highlight=False, soft_wrap=True)
        else:
            self._bars.reset(self._task, description=name, total=total)

    def advance(self, amount: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bars.advance(self._task, amount)


@contextmanager
def shown(console: Console) -> Iterator[Steps]:
    """Show the steps of the block on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield _Shown(console, bars)
