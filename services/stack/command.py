"""The command `tiku up`: bring the stack up and keep it up."""

from __future__ import annotations

import asyncio
import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from services.embedded.data_lock import DataFolderError, data_folder
from services.embedded.postgres import PostgresNotFoundError
from services.models import ModelError
from services.stack.launch import CHAT_MODEL, StackError, StackOptions, running_stack
from services.stack.view import StackView, pull_missing_models


class PortsChoice(StrEnum):
    """Which ports services listen on."""

    DEFAULT = "default"
    FREE = "free"


Data = Annotated[
    Path,
    typer.Option(
        parser=data_folder,
        metavar="PATH",
        envvar="TIKU_DATA_DIR",
        help="Folder of all data and logs; made if it is not there.",
    ),
]
Host = Annotated[str, typer.Option(help="Address the gateway listens on; 0.0.0.0 opens it to the network.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of the gateway; 0 takes a free one.")]
Ports = Annotated[PortsChoice, typer.Option(help="Ports of the services: 50051 to 50054, or free ones.")]
Model = Annotated[str, typer.Option(help="Local chat model; `tiku models list` shows them.")]
NoModel = Annotated[bool, typer.Option("--no-model", help="No chat model: questions are clozes made from the text.")]
Graph = Annotated[
    bool,
    typer.Option(
        "--graph",
        envvar="TIKU_DOCS_GRAPH_ENABLED",
        help="Add every document to the knowledge graph; its engine starts with the first.",
    ),
]
Blockbuster = Annotated[bool, typer.Option("--blockbuster", help="Raise wherever a service blocks its event loop.")]


def up(
    data: Data = Path(".tiku"),
    host: Host = "127.0.0.1",
    port: Port = 8080,
    ports: Ports = PortsChoice.DEFAULT,
    model: Model = CHAT_MODEL,
    no_model: NoModel = False,
    graph: Graph = False,
    blockbuster: Blockbuster = False,
) -> None:
    """Run everything on this machine: engines, services, gateway. Ctrl-C stops it; the data stays."""
    options = StackOptions(
        data=data,
        host=host,
        port=port,
        ports=ports.value,
        chat_model=None if no_model else model,
        graph=graph,
        blockbuster=blockbuster,
    )
    raise typer.Exit(asyncio.run(_up(options, Console(stderr=True))))


async def _up(options: StackOptions, console: Console) -> int:
    task = asyncio.current_task()
    assert task is not None
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        # The first signal cancels; further ones would interrupt the orderly end.
        if not received:
            task.cancel()
        received.append(number)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    view = StackView(console)
    try:
        await pull_missing_models(options, console)
        with view:
            async with running_stack(options, view) as stack:
                view.ready(stack.gateway, options.data)
                # Whatever crashes, the rest serves on until a signal comes.
                await asyncio.Event().wait()
    except asyncio.CancelledError:
        if not received:
            raise
        return 0
    except (StackError, DataFolderError, PostgresNotFoundError, ModelError) as error:
        console.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    return 0
