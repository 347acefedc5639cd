"""The command `tiku demo`: bring the stack up, play the demo on two documents, stay up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from services.client.rest import TikuClient
from services.demo.script import Report, run
from services.embedded.data_lock import DataFolderError
from services.embedded.postgres import PostgresNotFoundError
from services.models import ModelError
from services.stack.command import Data, Model, NoModel, Ports, PortsChoice
from services.stack.launch import CHAT_MODEL, Stack, StackError, StackOptions, running_stack
from services.stack.view import StackView, pull_missing_models

T = TypeVar("T")


def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="End after the last step; the exit code is 0 only if every step passed.")
    ] = False,
    data: Data = Path(".tiku"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the gateway; 0 takes a free one.")] = 8080,
    ports: Ports = PortsChoice.DEFAULT,
    model: Model = CHAT_MODEL,
    no_model: NoModel = False,
) -> None:
    """See all of it: upload two documents, get a cited answer, a graph and five cited questions from each, and grades.

    It brings everything up first, as `tiku up` does, and stays up afterwards until Ctrl-C.
    """
    options = StackOptions(
        data=data,
        port=port,
        ports=ports.value,
        chat_model=None if no_model else model,
        graph=True,
    )
    try:
        code = asyncio.run(_demo(options, leave=leave, console=Console(highlight=False)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        code = 130 if leave else 0
    raise typer.Exit(code)


async def _demo(options: StackOptions, *, leave: bool, console: Console) -> int:
    """Return the demo's exit code: 0 if every step passed, 1 if one did not or the stack failed."""
    task = asyncio.current_task()
    assert task is not None
    # Ctrl-C cancels this task; a SIGTERM and a closed terminal must end the stack in the same order.
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await pull_missing_models(options, console)
        view = StackView(console)
        with view:
            async with running_stack(options, view) as stack:
                view.ready(stack.gateway, options.data)
                report = await _while_stack_runs(stack, _play(stack.gateway, console, options.chat_model is not None))
                if leave:
                    return 1 if report.failed else 0
                console.print(f"\nTiku stays up at [bold]{stack.gateway}[/]; Ctrl-C stops it.", highlight=False)
                await asyncio.Event().wait()
    except (StackError, DataFolderError, PostgresNotFoundError, ModelError) as error:
        console.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    return 0


async def _play(gateway: str, console: Console, with_model: bool) -> Report:
    async with TikuClient.open(gateway) as client:
        return await run(client, console, with_model=with_model)


async def _while_stack_runs(stack: Stack, work: Coroutine[None, None, T]) -> T:
    """Return what `work` returns; cancel it and raise `StackError` when the stack loses a process."""
    working, failing = asyncio.create_task(work), asyncio.create_task(stack.wait_failed())
    try:
        await asyncio.wait((working, failing), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise StackError(str(failing.result()))
        return working.result()
    finally:
        working.cancel()
        failing.cancel()
        await asyncio.gather(working, failing, return_exceptions=True)
