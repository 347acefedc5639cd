"""The command `tiku models`: list, pull, quantize, path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from services.models.errors import ModelError
from services.models.manifest import load_manifest
from services.models.pull import PullProgress, path, pull

WIDE_COLUMNS: Final = 120
"""Width of a terminal from which on the table says what each model does."""

app = typer.Typer(no_args_is_help=True, help="Local models: what there is, and how to bring it here.")


@app.command("list")
def list_models() -> None:
    """Show every model: what it is for, its license, its size, and whether it is on this machine."""
    console = Console()

    async def gather() -> Table:
        manifest = await asyncio.to_thread(load_manifest)
        table = Table("Name", "Purpose", "License", "Size", "Here", box=None, pad_edge=False)
        table.columns[0].no_wrap = True
        table.columns[3].justify = "right"
        wide = console.width >= WIDE_COLUMNS
        if wide:
            table.add_column("What it does")
        for model in manifest.values():
            here = await path(model.name, manifest=manifest)
            cells = [model.name, model.purpose, model.license, decimal(model.size), "yes" if here else "no"]
            table.add_row(*cells, *([model.summary] if wide else []), style=None if here else "dim")
        return table

    console.print(asyncio.run(gather()))


@app.command("pull")
def pull_models(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Models from `tiku models list`.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="Copy from this file or folder instead of downloading.")
    ] = None,
) -> None:
    """Bring models to this machine. An interrupted pull goes on where it stopped; every file's SHA-256 is verified."""
    console = Console(stderr=True)

    async def pull_all() -> list[Path]:
        with progress_bars(console) as report:
            return [await pull(name, report, local=source) for name in names]

    try:
        for installed in asyncio.run(pull_all()):
            typer.echo(installed)
    except ModelError as error:
        console.print(f"[red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        console.print("stopped; the next pull goes on from the parts that are here", highlight=False, soft_wrap=True)
        raise typer.Exit(130) from None


@app.command("quantize")
def quantize_folder(
    folder: Annotated[Path, typer.Argument(help="A sentence-transformers model: BERT, RoBERTa or XLM-RoBERTa.")],
) -> None:
    """Write the int8 model of a folder that you have, which ONNX Runtime runs without torch; print its file."""
    # Not at the top: the other commands do without numpy.
    from services.models.int8 import NotQuantizableError, quantize

    try:
        typer.echo(quantize(folder))
    except (NotQuantizableError, OSError) as error:
        Console(stderr=True).print(f"[red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error


@app.command("path")
def model_path(name: Annotated[str, typer.Argument(help="A model from `tiku models list`.")]) -> None:
    """Print where a model lies; the exit code is 1 if it is not on this machine."""
    console = Console(stderr=True)
    try:
        found = asyncio.run(path(name))
    except ModelError as error:
        console.print(f"[red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    if found is None:
        console.print(f"{name} is not here; bring it with: tiku models pull {name}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    typer.echo(found)


@contextmanager
def progress_bars(console: Console) -> Iterator[Callable[[PullProgress], None]]:
    """Show a bar of bytes for each model that is pulled; the block gets the function that pulls report to."""
    columns = (
        TextColumn("[bold]{task.description}[/] [dim]{task.fields[stage]}[/]"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as bars:

        def report(event: PullProgress) -> None:
            if event.model not in tasks:
                tasks[event.model] = bars.add_task(event.model, total=event.total_bytes, stage="")
            bars.update(tasks[event.model], completed=event.done_bytes, stage=event.stage.value)

        yield report


if __name__ == "__main__":
    app()
