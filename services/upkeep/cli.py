"""The commands `tiku backup`, `tiku restore` and `tiku fsck`.

Exit codes: 0 it is done, or nothing is wrong; 1 it was refused or failed, or something is wrong; 2 wrong usage; 130
Ctrl-C stopped it.

What reaches the stores is imported by the command that is run: its libraries take a second to load, and no other
command of `tiku` should wait for them.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from services.embedded.data_lock import DataFolderInUseError, data_folder
from services.embedded.postgres import PostgresNotFoundError
from services.kit.errors import TikuError
from services.upkeep.errors import UpkeepError
from services.upkeep.progress import Steps, shown

_STOPPED = 130

Data = Annotated[
    Path,
    typer.Option(parser=data_folder, metavar="PATH", envvar="TIKU_DATA_DIR", help="Folder of the data of `tiku up`."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print a summary as JSON.")]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup, a tar; it must not exist yet.")],
    data: Data = Path(".tiku"),
    no_vectors: Annotated[
        bool, typer.Option("--no-vectors", help="Leave vectors out; a restore embeds everything anew.")
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Back up the rest where files are gone or damaged.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write all that a stack stores into one file. The stack may run, or be stopped.

    TIKU_POSTGRES_DSN, TIKU_QDRANT_URL and TIKU_S3_BUCKET name real servers, as for the services.
    """
    from services.upkeep.backup import back_up
    from services.upkeep.servers import reached

    async def work(steps: Steps, console: Console) -> int:
        async with reached(data, alone=False) as servers:
            manifest, size = await back_up(servers, file, steps, vectors=not no_vectors, allow_missing=allow_missing)
        if as_json:
            typer.echo(json.dumps({"file": str(file), "size_bytes": size, **to_builtins(manifest)}, indent=2))
        rows = sum(manifest.rows.values())
        _say(
            console,
            f"{file}: {decimal(size)}, {rows} rows, {manifest.objects} files, {manifest.texts} texts, "
            f"{manifest.points} vectors",
        )
        if manifest.index_again:
            _say(console, f"{len(manifest.index_again)} documents have to be embedded anew after a restore")
        for document_id in manifest.missing:
            _say(console, f"file or text of {document_id}", "left out: ")
        return 1 if manifest.missing else 0

    _run(work)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    data: Data = Path(".tiku"),
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove all that the stack stores now; without it, it must be empty.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup into an empty stack that does not run. Every byte is verified before anything changes.

    A restore that was cut off leaves a stack that does not start, until `tiku restore` has run again.
    """
    from services.upkeep.restore import restore as restore_backup
    from services.upkeep.restore import verified
    from services.upkeep.servers import reached

    async def work(steps: Steps, console: Console) -> int:
        async with verified(file, steps) as found:
            steps.step("starting the engines")
            async with reached(data, alone=True) as servers:
                await restore_backup(servers, found, file.name, steps, replace=replace)
        if as_json:
            typer.echo(json.dumps({"file": str(file), **to_builtins(found.manifest)}, indent=2))
        again = f"; {len(found.manifest.index_again)} documents are embedded anew" if found.manifest.index_again else ""
        _say(console, f"restored {file}, made {found.about.created} by Tiku {found.about.tiku}{again}")
        return 0

    _run(work)


def fsck(
    data: Data = Path(".tiku"),
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read every file and compare its SHA-256.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find what database, files and vectors disagree on. The stack may run, or be stopped.

    The exit code is 1 if anything was found, mended or not.
    """
    from services.upkeep.check import check
    from services.upkeep.servers import reached

    async def work(steps: Steps, console: Console) -> int:
        async with reached(data, alone=False) as servers:
            found = await check(servers, steps, deep=deep, repair=repair)
        if as_json:
            summary = {kind.name: asdict(of_kind) for kind, of_kind in found.items()}
            typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))
        if not found:
            _say(console, "nothing is wrong")
            return 0
        table = Table("Count", "Mended", "Found", box=None, pad_edge=False)
        for kind, of_kind in found.items():
            table.add_row(str(of_kind.count), str(of_kind.mended), str(kind))
        console.print(table)
        for kind, of_kind in found.items():
            _say(console, f"{kind}, such as")
            for example in of_kind.examples:
                _say(console, f"  {example}")
        return 1

    _run(work)


def _run(work: Callable[[Steps, Console], Awaitable[int]]) -> None:
    """Do the work of a command, show its progress, and end with its exit code."""
    console = Console(stderr=True)
    raise typer.Exit(asyncio.run(_until_stopped(work, console)))


async def _until_stopped(work: Callable[[Steps, Console], Awaitable[int]], console: Console) -> int:
    task = asyncio.current_task()
    assert task is not None
    received: list[int] = []

    def stop(number: int) -> None:
        # The first signal cancels; further ones would interrupt the orderly end.
        if not received:
            task.cancel()
        received.append(number)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    try:
        with shown(console) as steps:
            return await work(steps, console)
    except asyncio.CancelledError:
        if not received:
            raise
    except Exception as error:
        if not received:
            _say(console, str(_words(error)), "error: ")
            return 1
    _say(console, "stopped")
    return _STOPPED


def _words(error: Exception) -> Any:
    """Return the message of an error that is expected, and raise any other."""
    if isinstance(error, TikuError):
        return error.message
    if isinstance(error, (UpkeepError, DataFolderInUseError, PostgresNotFoundError, OSError)):
        return error
    raise error


def _say(console: Console, text: str, warning: str = "") -> None:
    console.print(Text.assemble((warning, "red"), text), soft_wrap=True)
