"""What a backup shows: a line a step where nobody looks, bars on a terminal that leave nothing behind."""

from __future__ import annotations

import io

from rich.console import Console

from services.upkeep.progress import shown


def _console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=80, color_system=None), text


def test_a_log_gets_a_line_a_step() -> None:
    console, text = _console(terminal=False)
    with shown(console) as steps:
        steps.step("Copy the files", total=10)
        steps.advance(10)
        steps.step("Check")
    assert text.getvalue() == "Copy the files\nCheck\n"


def test_a_terminal_gets_a_bar_for_each_step() -> None:
    console, text = _console(terminal=True)
    with shown(console) as steps:
        steps.step("Copy the files", total=10)
        steps.advance(5)
        steps._bars.refresh()  # type: ignore[attr-defined]
        assert "Copy the files" in text.getvalue()
        assert "50%" in text.getvalue()
        steps.step("Check")
        steps._bars.refresh()  # type: ignore[attr-defined]
        assert "Check" in text.getvalue()
