"""What `tiku up` shows."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from services.embedded.process import State
from services.stack_view import StackView


def test_without_a_terminal_each_change_is_a_line() -> None:
    output = io.StringIO()
    with StackView(Console(file=output, width=200)) as view:
        view.show("postgres", State.STARTING)
        view.show("postgres", State.READY)
        view.ready("http://127.0.0.1:8080", Path("data"))
    lines = output.getvalue().splitlines()
    assert [line.split()[2:] for line in lines[:2]] == [["postgres", "starting"], ["postgres", "ready"]]
    assert "http://127.0.0.1:8080" in output.getvalue()


def test_on_a_terminal_a_table_keeps_the_last_state_of_each() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100, color_system=None)
    with StackView(console) as view:
        view.show("postgres", State.STARTING)
        view.show("postgres", State.READY)
        view.show("llm", State.FAILED)
    last = output.getvalue().rpartition("postgres")[2]
    assert "ready" in last
    assert "failed" in last
