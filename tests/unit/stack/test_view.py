"""What `tiku up` shows."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from services.embedded.process import State
from services.stack.view import StackView


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


def test_a_long_wait_is_a_line_with_what_and_how_long_and_a_short_one_is_not() -> None:
    output = io.StringIO()
    with StackView(Console(file=output, width=200)) as view:
        view.show("llm", State.STARTING)
        for seconds in range(1, 43):
            view.show_wait("llm", "loading its model", seconds)
    lines = [" ".join(line.split()[2:]) for line in output.getvalue().splitlines()]
    assert lines == ["llm starting", *(f"llm loading its model, {seconds} s" for seconds in (5, 20, 35))]


def test_on_a_terminal_the_table_says_what_is_waited_for_until_it_is_there() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100, color_system=None)
    with StackView(console) as view:
        view.show("llm", State.STARTING)
        view.show_wait("llm", "loading its model", 42.0)
        view._live.refresh()
        view.show("llm", State.READY)
    assert "loading its model, 42 s" in output.getvalue()
    assert "loading its model" not in output.getvalue().rpartition("llm")[2]
