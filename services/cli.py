"""The `tiku` command; the commands of other rooms are added at the end of this file."""

from __future__ import annotations

import asyncio
import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from services.client.commands import ask, generate, graph, ingest
from services.demo.command import demo
from services.embedded.data_lock import DataFolderError
from services.embedded.postgres import PostgresNotFoundError
from services.evaluation.command import app as evaluation_app
from services.kit.migrations import MigrationError
from services.kit.migrations import migrate as apply_migrations
from services.models import ModelError
from services.models.cli import app as models_app
from services.registry import GATEWAY, GATEWAY_LISTEN_VARIABLE, LISTEN_VARIABLE, SERVICES
from services.serve import serve as serve_service
from services.stack.launch import CHAT_MODEL, StackError, StackOptions, running_stack
from services.stack.view import StackView, pull_missing_models
from services.upkeep.cli import backup, fsck, restore

app = typer.Typer(
    name="tiku",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Turns study material into knowledge, and knowledge into practice.\n\n"
    "Begin with `tiku demo`, or with `tiku up` and a browser. Everything runs on this machine, without a key; "
    "a variable such as TIKU_POSTGRES_DSN, TIKU_QDRANT_URL or TIKU_LLM_BASE_URL replaces an engine by a server "
    "that runs elsewhere.",
)


class PortsChoice(StrEnum):
    """Which ports services listen on."""

    DEFAULT = "default"
    FREE = "free"


Data = Annotated[
    Path, typer.Option(envvar="TIKU_DATA_DIR", help="Folder of all data and logs; made if it is not there.")
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


@app.command()
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
        _print_error(console, error)
        return 1
    return 0


@app.command()
def serve(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join([*SERVICES, GATEWAY])}.")],
    listen: Annotated[str | None, typer.Option(help="Address, host:port; the environment's otherwise.")] = None,
) -> None:
    """Run one service in the foreground, as a container does. It is configured by its environment alone."""
    if name not in {*SERVICES, GATEWAY}:
        raise typer.BadParameter(f"no service {name!r}: one of {', '.join([*SERVICES, GATEWAY])}", param_hint="NAME")
    if listen:
        os.environ[GATEWAY_LISTEN_VARIABLE if name == GATEWAY else LISTEN_VARIABLE] = listen
    raise typer.Exit(serve_service(name))


@app.command()
def migrate(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME…]", help="Services; all without names.")] = None,
) -> None:
    """Bring the database at TIKU_POSTGRES_DSN up to date. `tiku up` does so itself."""
    dsn = os.environ.get("TIKU_POSTGRES_DSN")
    if not dsn:
        _refuse("TIKU_POSTGRES_DSN is not set; the embedded database is migrated by `tiku up`")
    stored = {name: service for name, service in SERVICES.items() if service.schema}
    for name in names or []:
        if name not in stored:
            raise typer.BadParameter(f"{name!r} has no database: one of {', '.join(stored)}", param_hint="NAME")

    async def run() -> None:
        for name in names or stored:
            try:
                applied = await apply_migrations(dsn, stored[name].schema, stored[name].migrations)
            except (OSError, MigrationError) as error:
                _refuse(error)
            typer.echo(f"{name}: {', '.join(applied) if applied else 'up to date'}")

    asyncio.run(run())


def _refuse(message: object) -> NoReturn:
    _print_error(Console(stderr=True), message)
    raise typer.Exit(1)


def _print_error(console: Console, error: object) -> None:
    # Escaped: a path or a message may hold what rich takes for markup.
    console.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)


app.command()(demo)
app.add_typer(models_app, name="models")
app.add_typer(evaluation_app, name="eval")
app.command()(ingest)
app.command()(ask)
app.command()(generate)
app.command()(graph)
app.command()(backup)
app.command()(restore)
app.command()(fsck)
