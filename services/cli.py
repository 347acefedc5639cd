"""The `tiku` command.

A command of another room is imported when it is asked for: what one command needs, the others do not wait for.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from typer._click import exceptions as usage  # Its own copy of click; the rest of typer passes on only some.
from typer.core import TyperGroup

from services.embedded.data_lock import DataFolderError
from services.registry import GATEWAY, GATEWAY_LISTEN_VARIABLE, LISTEN_VARIABLE, SERVICES

_ROOMS: Final[Mapping[str, str]] = {
    "up": "services.stack.command:up",
    "demo": "services.demo.command:demo",
    "models": "services.models.cli:app",
    "llm": "services.llm.adapters.litellm.command:app",
    "eval": "services.evaluation.command:app",
    "ingest": "services.client.commands:ingest",
    "ask": "services.client.commands:ask",
    "generate": "services.client.commands:generate",
    "graph": "services.client.commands:graph",
    "backup": "services.upkeep.cli:backup",
    "restore": "services.upkeep.cli:restore",
    "fsck": "services.upkeep.cli:fsck",
}
"""Commands of other rooms, as import strings: a function, or a `typer.Typer` with commands of its own."""


class _OnDemand(TyperGroup):
    """The commands of this file and of other rooms."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return [*_ROOMS, *(name for name in super().list_commands(ctx) if name not in _ROOMS)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, imported now if it is of another room."""
        if cmd_name not in self.commands:
            # What may be a slip is compared with the names of all.
            for name in [cmd_name] if cmd_name in _ROOMS else _ROOMS:
                self.commands[name] = self._of_room(name)
        return super().get_command(ctx, cmd_name)

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command and end the program; what cannot be run is refused in one line."""
        run: Callable[..., Any] = super().main
        try:
            sys.exit(run(*args, **{**options, "standalone_mode": False}) or 0)
        except usage.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except usage.UsageError as error:
            path = error.ctx.command_path if error.ctx is not None else "tiku"
            message = " ".join(error.format_message().split()).rstrip(".")
            _refuse(f"{message}; {path} --help shows what is taken", error.exit_code)
        except DataFolderError as error:
            _refuse(error)
        except typer.Abort:
            _refuse("stopped")

    def _of_room(self, name: str) -> Any:
        module, _, member = _ROOMS[name].partition(":")
        found = getattr(importlib.import_module(module), member)
        group = typer.Typer(rich_markup_mode=self.rich_markup_mode)
        group.callback()(lambda: None)
        if isinstance(found, typer.Typer):
            group.add_typer(found, name=name)
        else:
            group.command(name)(found)
        return typer.main.get_group(group).commands[name]


app = typer.Typer(
    name="tiku",
    cls=_OnDemand,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Turns study material into knowledge, and knowledge into practice.\n\n"
    "Begin with `tiku demo`, or with `tiku up` and a browser. Everything runs on this machine, without a key; "
    "a variable such as TIKU_POSTGRES_DSN, TIKU_QDRANT_URL or TIKU_LLM_BASE_URL replaces an engine by a server "
    "that runs elsewhere.",
)


@app.command()
def serve(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join([*SERVICES, GATEWAY])}.")],
    listen: Annotated[str | None, typer.Option(help="Address, host:port; the environment's otherwise.")] = None,
    with_gateway: Annotated[
        bool, typer.Option("--with-gateway", help="The gateway in the same process, which costs less a call.")
    ] = False,
) -> None:
    """Run one service in the foreground, as a container does. It is configured by its environment alone."""
    if name not in {*SERVICES, GATEWAY}:
        raise typer.BadParameter(f"no service {name!r}: one of {', '.join([*SERVICES, GATEWAY])}", param_hint="NAME")
    if with_gateway and name == GATEWAY:
        raise typer.BadParameter("names a service, which the gateway then joins", param_hint="NAME")
    if listen:
        os.environ[GATEWAY_LISTEN_VARIABLE if name == GATEWAY else LISTEN_VARIABLE] = listen
    from services.serve import serve as serve_service

    raise typer.Exit(serve_service(name, with_gateway=with_gateway))


@app.command()
def migrate(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME…]", help="Services; all without names.")] = None,
) -> None:
    """Bring the database at TIKU_POSTGRES_DSN up to date. `tiku up` does so itself."""
    from services.kit.migrations import MigrationError
    from services.kit.migrations import migrate as apply_migrations

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


def _refuse(message: object, code: int = 1) -> NoReturn:
    # Escaped: a path or a message may hold what rich takes for markup.
    Console(stderr=True).print(f"[red]error:[/] {escape(str(message))}", highlight=False, soft_wrap=True)
    sys.exit(code)
