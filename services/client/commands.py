"""The commands `tiku ingest`, `ask`, `generate` and `graph`: the public API on a terminal.

Exit codes: 0 it is done; 1 the server refused or failed, or the material does not hold the answer; 2 wrong usage;
130 Ctrl-C stopped it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from services.client.errors import ClientError
from services.client.rest import TikuClient
from services.client.views import (
    Ingested,
    IngestFailedError,
    ingest_bars,
    ingest_file,
    show_answer,
    show_entities,
    show_entity,
    show_run,
)
from services.client.words import DOCUMENT_KINDS, KIND_NAMES
from tiku.docs.v1 import docs_pb2
from tiku.exercises.v1 import exercises_pb2
from tiku.retrieval.v1 import retrieval_pb2

SERVER_VARIABLE: Final = "TIKU_SERVER"
DATA_VARIABLE: Final = "TIKU_DATA_DIR"
DEFAULT_DATA: Final = ".tiku"
DEFAULT_SERVER: Final = "http://127.0.0.1:8080"
LANGUAGE_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
"""What tells the language of messages on a terminal; the first that is set counts (POSIX)."""
CONCURRENT_FILES: Final = 3
MAX_QUESTIONS: Final = 50

Server = Annotated[
    str | None,
    typer.Option("--server", help="The gateway's URL. Without it: TIKU_SERVER, the stack that runs here, port 8080."),
]
Documents = Annotated[
    list[str] | None, typer.Option("--document", metavar="ID", help="Only this document; repeat it for several.")
]


def ingest(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", exists=True, dir_okay=False, readable=True)],
    server: Server = None,
    kind: Annotated[str, typer.Option(help=f"What they are: {' or '.join(DOCUMENT_KINDS)}.")] = "material",
) -> None:
    """Upload files, and follow each until it can be searched. Prints the id of each document.

    What should be known of a file is said in the language of the terminal (LC_ALL, LC_MESSAGES, LANG). Read are PDF,
    Word, PowerPoint, Excel, OpenDocument, RTF, EPUB, HTML, Markdown, notebooks, CSV and text.
    """
    if kind not in DOCUMENT_KINDS:
        raise typer.BadParameter(f"must be {' or '.join(DOCUMENT_KINDS)}", param_hint="--kind")

    async def work(client: TikuClient, console: Console) -> int:
        return await _ingest_all(client, console, files, DOCUMENT_KINDS[kind])

    with_client(server, work)


async def _ingest_all(
    client: TikuClient, console: Console, files: list[Path], kind: docs_pb2.DocumentKind.ValueType
) -> int:
    """Upload all files; one that fails does not stop the others."""
    gate = asyncio.Semaphore(CONCURRENT_FILES)
    problems: list[str] = []

    async def one(file: Path) -> Ingested | None:
        async with gate:
            try:
                return await ingest_file(client, file, kind, bars)
            except (ClientError, IngestFailedError, OSError) as error:
                problems.append(str(error) if file.name in str(error) else f"{file.name}: {error}")
                return None

    with ingest_bars(console) as bars:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(file)) for file in files]
    for file, task in zip(files, tasks, strict=True):
        if (ingested := task.result()) is not None:
            typer.echo(f"{ingested.document.document_id}  {file.name}")
            for note in ingested.notes:
                _tell(console, "[yellow]note:[/]", f"{file.name}: {note}")
    for problem in problems:
        _complain(console, problem)
    return 1 if problems else 0


def ask(
    question: Annotated[str, typer.Argument(help="A question about the material.")],
    documents: Documents = None,
    legs: Annotated[
        bool, typer.Option("--legs", help="Show what each way of searching found, and how long it took.")
    ] = False,
    server: Server = None,
) -> None:
    """Ask about your documents; the answer streams in and cites its sources."""
    if not question.strip():
        raise typer.BadParameter("must not be empty", param_hint="QUESTION")

    async def work(client: TikuClient, console: Console) -> int:
        async with aclosing(client.answer(question, documents or [])) as events:
            answered = await show_answer(Console(highlight=False), events, legs=legs)
        return 0 if answered.outcome == retrieval_pb2.ANSWER_OUTCOME_ANSWERED else 1

    with_client(server, work)


def generate(
    documents: Documents = None,
    text: Annotated[
        Path | None,
        typer.Option(
            "--text",
            metavar="FILE",
            exists=True,
            dir_okay=False,
            allow_dash=True,
            help="Ask about this text file; - reads standard input.",
        ),
    ] = None,
    topic: Annotated[str, typer.Option(help="What to ask about; with --document.")] = "",
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kinds", metavar="KIND", help=f"Repeat or separate by commas: {', '.join(KIND_NAMES)}."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=MAX_QUESTIONS, help="How many questions.")] = 5,
    no_model: Annotated[bool, typer.Option("--no-model", help="Cloze questions only; no model is asked.")] = False,
    server: Server = None,
) -> None:
    """Make questions about documents or a text; each appears as soon as it is complete, with its source."""
    if bool(documents) == bool(text):
        raise typer.BadParameter("give --document ID or --text FILE, one of them", param_hint="--document / --text")
    names = [name.strip() for given in kinds or [] for name in given.split(",") if name.strip()]
    for name in names:
        if name not in KIND_NAMES:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(KIND_NAMES)}", param_hint="--kinds")

    async def work(client: TikuClient, console: Console) -> int:
        request = exercises_pb2.GenerateExerciseRequest(
            kinds=[KIND_NAMES[name] for name in dict.fromkeys(names)], count=count, include_answers=True
        )
        if no_model:
            request.generator = exercises_pb2.GENERATOR_CHOICE_CLOZE_ONLY
        if documents:
            request.documents.document_ids.extend(documents)
            request.documents.topic = topic
        elif text is not None:
            request.text = await asyncio.to_thread(_read_text, text)
        async with aclosing(client.generate(request)) as events:
            generated = await show_run(Console(highlight=False), events, count)
        done = generated.done
        if done.state != exercises_pb2.RUN_STATE_DONE:
            _complain(console, f"{done.message or 'the run did not end well'} [{done.reason or 'FAILED'}]")
            return 1
        console.print(
            f"{done.question_count} questions: {done.model_count} by the model, {done.cloze_count} cloze; "
            f"{done.rejected_count} were refused by the checks. Exercise {done.exercise_id}",
            soft_wrap=True,
        )
        if done.model_reason:
            told = f"why the model did not make them all: {done.model_message} [{done.model_reason}]"
            console.print(told, soft_wrap=True, markup=False)
        return 0 if done.question_count else 1

    with_client(server, work)


def graph(
    name: Annotated[str, typer.Argument(help="A name, in any spelling; without one, the most mentioned.")] = "",
    documents: Documents = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most entities or neighbors to show.")] = 20,
    server: Server = None,
) -> None:
    """Show what the material speaks of: entities, their neighbors with a sentence each, and why names are one."""

    async def work(client: TikuClient, console: Console) -> int:
        found = await client.entities(name, documents or [], limit)
        out = Console(highlight=False)
        if not found:
            _complain(console, f"nothing is named {name}" if name else "the graph is empty")
            return 1
        if not name:
            show_entities(out, found)
        for entity in found if name else ():
            around = await client.expand(entity.entity_id, documents or [], limit + 1)
            show_entity(out, entity, around, (await client.explain(entity.entity_id)).links)
        return 0

    with_client(server, work)


def _read_text(path: Path) -> str:
    data = typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ClientError(f"{path} is not UTF-8 text (byte {error.start}); upload it with `tiku ingest`") from error


def with_client(server: str | None, work: Callable[[TikuClient, Console], Awaitable[int]]) -> None:
    """Run a command's work with a client, and end with its exit code."""
    console = Console(stderr=True, highlight=False)

    async def main() -> int:
        address = await asyncio.to_thread(server_address, server)
        async with TikuClient.open(address, languages=user_languages()) as client:
            return await work(client, console)

    try:
        code = asyncio.run(main())
    except ClientError as error:
        _complain(console, str(error))
        code = 1
    except KeyboardInterrupt:
        console.print("stopped")
        code = 130
    raise typer.Exit(code)


def user_languages() -> str:
    """Return the language of the terminal as a header `Accept-Language`; "" where none is set."""
    named = next((value for name in LANGUAGE_VARIABLES if (value := os.environ.get(name))), "")
    language = re.match(r"[A-Za-z]{2,3}(?:_[A-Za-z]{2})?(?![A-Za-z])", named)
    return language.group().replace("_", "-") if language else ""


def server_address(named: str | None = None) -> str:
    """Return the gateway's URL: `named`, or `TIKU_SERVER`, or that of the stack that runs on this data folder.

    Without any of them it is port 8080 on this machine. This reads a small file, so call it in a thread.
    """
    address = named or os.environ.get(SERVER_VARIABLE) or _running_stack() or DEFAULT_SERVER
    if "://" not in address:
        address = f"http://{address}"
    return address.rstrip("/")


def _running_stack() -> str | None:
    """Return the address that `tiku up` wrote to its data folder; None if no stack runs on it."""
    state = Path(os.environ.get(DATA_VARIABLE) or DEFAULT_DATA) / "run" / "stack.json"
    try:
        gateway = json.loads(state.read_text(encoding="utf-8"))["gateway"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return gateway if isinstance(gateway, str) else None


def _complain(console: Console, message: str) -> None:
    _tell(console, "[red]error:[/]", message)


def _tell(console: Console, mark: str, message: str) -> None:
    console.print(f"{mark} ", end="")
    console.print(message, markup=False, highlight=False, soft_wrap=True)
