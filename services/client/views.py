"""Documents, answers and questions as a terminal shows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from services.client.rest import TikuClient
from services.client.words import KIND_WORDS, STAGE_WORDS, key_in_words
from tiku.common.v1 import source_pb2
from tiku.docs.v1 import docs_pb2
from tiku.exercises.v1 import exercises_pb2
from tiku.retrieval.v1 import graph_pb2, retrieval_pb2

TAIL_CHARACTERS = 44
QUOTE_CHARACTERS = 220


class IngestFailedError(Exception):
    """The server could not make chunks of a document; the message says why."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """An indexed document, and what whoever uploaded it should know."""

    document: docs_pb2.Document
    notes: tuple[str, ...]
    """Sentences in the language of the request: the same file is here already, or a part of it was not read."""


@dataclass(slots=True)
class Answered:
    """A whole answer with its citations."""

    text: str = ""
    outcome: int = retrieval_pb2.ANSWER_OUTCOME_UNSPECIFIED
    citations: list[retrieval_pb2.Citation] = field(default_factory=list)
    failure: str = ""
    """How the model failed, in a sentence; empty where it did not."""


def ingest_bars(console: Console) -> Progress:
    """Return a display of documents that are uploaded and indexed; it is shown while it is entered."""
    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description}[/]"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("[dim]{task.fields[stage]}[/]"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console)


async def ingest_file(
    client: TikuClient, file: Path, kind: docs_pb2.DocumentKind.ValueType, bars: Progress
) -> Ingested:
    """Upload one file and follow its job to the end; return the indexed document, or raise `IngestFailedError`."""
    size = (await asyncio.to_thread(file.stat)).st_size
    task = bars.add_task(escape(file.name), total=max(size, 1), stage="uploading")
    try:
        return await _follow(client, file, kind, bars, task)
    except Exception:
        bars.update(task, completed=0, total=1, stage="[red]failed[/]")
        raise


async def _follow(
    client: TikuClient, file: Path, kind: docs_pb2.DocumentKind.ValueType, bars: Progress, task: TaskID
) -> Ingested:
    stored = await client.upload(file, kind, on_bytes=lambda count: bars.advance(task, count))
    document = stored.document
    bars.update(task, completed=0, total=None, stage="waiting")
    async for event in client.watch(document.document_id):
        match event.WhichOneof("event"):
            case "progress":
                _show_stage(bars, task, event.progress)
            case "indexed":
                document = event.indexed.document
                pages = f"{document.page_count} pages, " if document.page_count else ""
                bars.update(task, completed=1, total=1, stage=f"{pages}{document.chunk_count} passages")
            case "failed":
                raise IngestFailedError(f"{file.name}: {event.failed.message} [{event.failed.reason}]")
    told = [stored.duplicate_message, *(warning.message for warning in document.warnings)]
    return Ingested(document, tuple(filter(None, told)))


def _show_stage(bars: Progress, task: TaskID, progress: docs_pb2.DocumentProgress) -> None:
    total = progress.total or None
    counted = f" {progress.done}/{progress.total}" if total else ""
    words = STAGE_WORDS.get(progress.stage, "")
    bars.update(task, completed=progress.done, total=total, stage=f"{words}{counted}")


async def show_answer(
    console: Console, events: AsyncIterator[retrieval_pb2.AnswerResponse], *, legs: bool = False
) -> Answered:
    """Print an answer as it is written, then the sources that it cites, and with `legs` how each leg went."""
    answered = Answered()
    reports: Sequence[retrieval_pb2.LegReport] = ()
    with console.status("looking for passages …") as status:
        async for event in events:
            match event.WhichOneof("event"):
                case "sources":
                    reports = event.sources.legs
                    status.update("writing the answer …")
                case "delta":
                    status.stop()
                    answered.text += event.delta.text
                    console.print(Text(event.delta.text), end="", soft_wrap=True)
                case "citation":
                    answered.citations.append(event.citation)
                case "restarted":
                    answered = Answered()
                    console.print(Text("\n(That was not the answer. The answer:)", "dim"))
                case "done":
                    answered.outcome = event.done.outcome
                    answered.text = event.done.text or answered.text
                    answered.failure = event.done.model_message
    console.print()
    _show_end(console, answered)
    for report in reports if legs else ():
        found = f"failed: {report.reason}" if report.reason else f"found {report.hit_count} passages"
        console.print(Text(f"{report.leg:>8}  {found} in {report.elapsed_ms:.0f} ms", style="dim"))
    return answered


def _show_end(console: Console, answered: Answered) -> None:
    """Print how an answer ended, and the sources that it cites."""
    if answered.failure:
        console.print(Text(answered.failure, "yellow"))
    if answered.outcome == retrieval_pb2.ANSWER_OUTCOME_NOT_IN_MATERIAL:
        console.print("[yellow]The material does not hold the answer.[/]")
    cited: dict[int, source_pb2.Source] = {}
    for citation in answered.citations:
        cited.setdefault(citation.number, citation.source)
    for number, source in sorted(cited.items()):
        console.print(source_line(source, f"[{number}] "))


def source_line(source: source_pb2.Source, mark: str = "") -> Text:
    """Return where a quote stands, and the quote."""
    where = source.document_name or "the text"
    if source.page:
        where += f", p. {source.page}"
    if source.HasField("origin"):
        where = ", ".join(filter(None, (source.document_name, source.origin.knowledge_base)))
    quote = " ".join(source.quote.split())
    if len(quote) > QUOTE_CHARACTERS:
        quote = quote[:QUOTE_CHARACTERS] + " …"
    return Text.assemble((mark, "bold cyan"), (where, "cyan"), (f"  “{quote}”", "dim italic"))


def question_panel(question: exercises_pb2.Question) -> Panel:
    """Return a question with its options and, as far as the server sent them, key, explanation and source."""
    parts: list[RenderableType] = [Text(question.stem, style="bold")]
    parts += [Text(f"  {option.key}. {option.text}") for option in question.options]
    if question.HasField("answer_key"):
        parts.append(Text.assemble(("✓ ", "green"), (key_in_words(question.answer_key, question.kind), "green")))
    if question.explanation:
        parts.append(Text(question.explanation, style="dim"))
    if question.HasField("source"):
        parts.append(source_line(question.source))
    maker = "cloze" if question.generator == exercises_pb2.GENERATOR_CLOZE else question.model or "model"
    return Panel(
        Group(*parts),
        title=f"{question.number} · {KIND_WORDS.get(question.kind, 'question')}",
        subtitle=f"[dim]{escape(maker)}[/]",
        title_align="left",
        subtitle_align="right",
    )


@dataclass(slots=True)
class Generated:
    """A run that ended, with its questions in order."""

    exercise_id: str = ""
    questions: list[exercises_pb2.Question] = field(default_factory=list)
    done: exercises_pb2.RunDone = field(default_factory=exercises_pb2.RunDone)


async def show_run(console: Console, events: AsyncIterator[exercises_pb2.RunEvent], count: int) -> Generated:
    """Print each question as soon as it is complete, above a line that shows the progress."""
    generated = Generated()
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=20),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("[dim]{task.description}[/]"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("starting", total=count)
        async for event in events:
            match event.WhichOneof("event"):
                case "started":
                    generated.exercise_id = event.started.exercise_id
                case "progress" if event.progress.phase == exercises_pb2.RUN_PHASE_READING:
                    bars.update(task, description=f"read {event.progress.done} of {event.progress.total} passages")
                case "writing" if event.writing.stem:
                    stem = " ".join(event.writing.stem.split())[-TAIL_CHARACTERS:]
                    bars.update(task, description=escape(stem))
                case "question":
                    generated.questions.append(event.question.question)
                    bars.update(task, completed=len(generated.questions))
                    console.print(question_panel(event.question.question))
                case "rejected":
                    bars.update(task, description=f"one was refused: {event.rejected.reason}")
                case "model_given_up":
                    console.print(Text(f"The model is not asked any more: {event.model_given_up.message}", "yellow"))
                case "done":
                    generated.done = event.done
    return generated


def show_entities(console: Console, entities: Iterable[graph_pb2.Entity]) -> None:
    """Show entities as a table."""
    table = Table("name", "kind", "mentions", "other names", box=None, pad_edge=False)
    for entity in entities:
        others = Text(", ".join(entity.aliases), overflow="ellipsis", no_wrap=True)
        table.add_row(Text(entity.name), Text(entity.kind), str(entity.mention_count), others)
    console.print(table)


def show_entity(
    console: Console,
    entity: graph_pb2.Entity,
    around: graph_pb2.ExpandResponse,
    links: Iterable[graph_pb2.Link],
) -> None:
    """Show an entity, what it stands beside, each with a sentence, and what ties its names or keeps them apart."""
    console.print(
        Text(entity.name, style="bold"), Text(f"{entity.kind} · {entity.mention_count} mentions", style="dim")
    )
    if entity.description:
        console.print(Text(f"  {entity.description}"))
    names = {found.entity_id: found.name for found in around.entities}
    for relation in around.relations:
        ends = [relation.from_entity_id, relation.to_entity_id]
        if entity.entity_id in ends:
            line = f"  {names[ends[0]]} {relation.predicate or '–'} {names[ends[1]]} ({relation.sentence_count})"
            console.print(Text(line), Text(_first_quote(relation.sources), style="dim"))
    for link in links:
        sign, why = "=" if link.same else "≠", _first_quote(link.sources)
        line = f"  {link.first_name} {sign} {link.second_name}"
        console.print(Text(line), Text(why or f"decided ({link.decision_id})", style="dim"))


def _first_quote(sources: Sequence[source_pb2.Source]) -> str:
    return f"“{sources[0].quote}” {sources[0].document_name}" if sources else ""
