"""The command `tiku up`: bring the stack up and keep it up."""

from __future__ import annotations

import asyncio
import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from services.embedded.data_lock import DataFolderError, data_folder
from services.embedded.postgres import PostgresNotFoundError
from services.kit.addresses import ListenError, host_and_port
from services.models import ModelError
from services.registry import GATEWAY_LISTEN_VARIABLE
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
_LISTEN = "127.0.0.1:8080"
Host = Annotated[
    str | None,
    typer.Option(
        help="Address the gateway listens on; 0.0.0.0 opens it to the network.",
        show_default=f"that of {GATEWAY_LISTEN_VARIABLE}, or 127.0.0.1",
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        help="Port of the gateway; 0 takes a free one.",
        show_default=f"that of {GATEWAY_LISTEN_VARIABLE}, or 8080",
    ),
]
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
    host: Host = None,
    port: Port = None,
    ports: Ports = PortsChoice.DEFAULT,
    model: Model = CHAT_MODEL,
    no_model: NoModel = False,
    graph: Graph = False,
    blockbuster: Blockbuster = False,
) -> None:
    """Run everything on this machine: engines, services, gateway. Ctrl-C stops it; the data stays."""
    console = Console(stderr=True)
    try:
        listen_host, listen_port = host_and_port(os.environ.get(GATEWAY_LISTEN_VARIABLE) or _LISTEN)
    except ListenError as error:
        _show_error(console, f"{GATEWAY_LISTEN_VARIABLE}: {error}")
        raise typer.Exit(1) from None
    options = StackOptions(
        data=data,
        host=listen_host if host is None else host,
        port=listen_port if port is None else port,
        ports=ports.value,
        chat_model=None if no_model else model,
        graph=graph,
        blockbuster=blockbuster,
    )
    raise typer.Exit(asyncio.run(_up(options, console)))


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
        _show_error(console, str(error))
        return 1
    return 0


def _show_error(console: Console, message: str) -> None:
    console.print(f"[red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
