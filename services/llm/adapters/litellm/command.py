"""The command `tiku llm`: what concerns the providers file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.llm.adapters.litellm.config import LitellmConfigError, read_config
from services.llm.adapters.litellm.translation import translate

app = typer.Typer(no_args_is_help=True, help="Chat providers: bring a configuration here from elsewhere.")


@app.callback()
def _llm() -> None:
    """Keep `import` a command of its own, though it is the only one."""


@app.command("import")
def import_config(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="Configuration of a LiteLLM proxy.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The providers file; it must not exist yet.")
    ] = None,
) -> None:
    """Translate the configuration of a LiteLLM proxy into a providers file, on stdout without --output.

    What cannot be translated, or means something else here, is said line by line on stderr and in comments of the
    file. Keys are referred to and never copied.
    """
    try:
        translation = translate(read_config(config))
        if output is None:
            typer.echo(translation.file(), nl=False)
        else:
            with output.open("x", encoding="utf-8") as file:
                file.write(translation.file())
    except (LitellmConfigError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for remark in translation.remarks:
        typer.echo(remark, err=True)
    for name in translation.keys:
        typer.echo(f"set: {name} to a key", err=True)
    for name, value in translation.environment.items():
        typer.echo(f"set: {name}={value}", err=True)
