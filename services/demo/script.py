"""The steps of the demo, each one checked: read, ask, generate, cite, answer, grade.

A step that fails is reported, and the steps that build on it are left out; the other document goes on.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table

from services.client.errors import ClientError
from services.client.rest import TikuClient
from services.client.views import IngestFailedError, ingest_bars, ingest_file, show_answer, show_entity, show_run
from services.client.words import KIND_WORDS, VERDICT_WORDS, answer_in_words, key_in_words
from services.demo.answers import NoKeyError, Planned, faults, plan
from tiku.common.v1 import source_pb2
from tiku.docs.v1 import docs_pb2
from tiku.exercises.v1 import exercises_pb2 as pb
from tiku.retrieval.v1 import retrieval_pb2

FOLDER: Final = Path(__file__).with_name("documents")
QUESTIONS_EACH: Final = 5
NEIGHBORS: Final = 8
ANSWER_COLUMNS: Final = 16
"""The width of an answer in the table of grades; the panels above it show the whole answer."""
CITING_MARK: Final = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class DemoDocument:
    """A document, and what the demo asks about it."""

    file: Path
    question: str
    name: str
    """What it is about, for the graph."""


DOCUMENTS: Final = (
    DemoDocument(
        FOLDER / "photosynthesis.pdf", "Which enzyme fixes carbon dioxide in the Calvin cycle?", "chloroplast"
    ),
    DemoDocument(FOLDER / "water-cycle.pptx", "水循环的根本能量来自哪里？", "水循环"),
)


class StepFailedError(Exception):
    """A step failed; the message says what was seen."""


@dataclass(slots=True)
class Report:
    """The steps that passed, and those that failed with what was wrong."""

    passed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def step(self, console: Console, name: str) -> AsyncIterator[None]:
        """Announce a step and record how it ends; raise `StepFailedError` however it failed."""
        console.print(f"\n[bold blue]▸ {escape(name)}[/]")
        try:
            yield
        except (StepFailedError, ClientError, IngestFailedError, NoKeyError, OSError) as error:
            self.failed[name] = str(error)
            console.print("[red]✗[/] ", end="")
            console.print(str(error), markup=False, highlight=False, soft_wrap=True)
            raise StepFailedError(str(error)) from error
        self.passed.append(name)

    def show(self, console: Console) -> None:
        """Print how each step went."""
        console.print(Rule("how it went", style="dim"))
        for name in self.passed:
            console.print(f"[green]✓[/] {escape(name)}")
        for name, fault in self.failed.items():
            console.print(f"[red]✗ {escape(name)}[/]: {escape(fault)}", soft_wrap=True)


async def run(client: TikuClient, console: Console, *, with_model: bool) -> Report:
    """Play the whole demo; the report holds every failure, and none is raised."""
    report = Report()
    for document in DOCUMENTS:
        try:
            await _play(client, console, report, document, with_model)
        except StepFailedError:
            continue  # The report has it; the other document goes on.
    report.show(console)
    return report


async def _play(client: TikuClient, console: Console, report: Report, shipped: DemoDocument, with_model: bool) -> None:
    name = shipped.file.name
    console.print()
    console.print(Rule(f"[bold]{name}[/]"))
    async with report.step(console, f"{name}: upload, parse, embed, index"):
        document = await _ingest(client, console, shipped)
    # Nothing builds on these two.
    with suppress(StepFailedError, ClientError):
        await _show_graph(client, console, report, shipped, document.document_id)
    with suppress(StepFailedError):
        async with report.step(console, f"{name}: ask “{shipped.question}”"):
            await _ask(client, console, shipped.question, document.document_id)
    async with report.step(console, f"{name}: generate {QUESTIONS_EACH} cited questions"):
        exercise_id = await _generate(client, console, document.document_id, with_model)
    async with report.step(console, f"{name}: every quote is a slice of the document's text"):
        exercise = await client.exercise(exercise_id, include_answers=True)
        await _check_quotes(client, document.document_id, exercise)
        console.print(f"{len(exercise.questions)} quotes compared with the stored text")
    async with report.step(console, f"{name}: answer, some right and some wrong, and grade"):
        planned = plan(exercise.questions)
        with console.status("grading; a model reads the short answers …"):
            submission = await client.submit(exercise_id, [one.answer for one in planned])
        _show_grades(console, exercise, planned, submission)
        if found := faults(planned, submission):
            raise StepFailedError("; ".join(found))


async def _ingest(client: TikuClient, console: Console, shipped: DemoDocument) -> docs_pb2.Document:
    with ingest_bars(console) as bars:
        document = (await ingest_file(client, shipped.file, docs_pb2.DOCUMENT_KIND_MATERIAL, bars)).document
    if document.state != docs_pb2.DOCUMENT_STATE_INDEXED or document.chunk_count == 0:
        raise StepFailedError(
            f"the document is {docs_pb2.DocumentState.Name(document.state)} with {document.chunk_count} passages"
        )
    return document


async def _show_graph(
    client: TikuClient, console: Console, report: Report, shipped: DemoDocument, document_id: str
) -> None:
    """Follow the document into the graph, and show what one name stands beside; do nothing where no graph is kept."""
    state = await client.graph_state()
    if not state.available:
        console.print(state.reason, style="dim", markup=False, soft_wrap=True)
        return
    async with report.step(console, f"{shipped.file.name}: the graph around “{shipped.name}”"):
        with console.status("adding the document to the graph …"):
            async for event in client.watch(document_id, graph=True):
                if event.WhichOneof("event") == "graph_failed":
                    raise StepFailedError(f"{event.graph_failed.message} [{event.graph_failed.reason}]")
        found = await client.entities(shipped.name, [document_id], 1)
        if not found:
            raise StepFailedError(f"the graph does not know {shipped.name}")
        around = await client.expand(found[0].entity_id, [document_id], NEIGHBORS + 1)
        show_entity(console, found[0], around, (await client.explain(found[0].entity_id)).links)
        if not around.relations:
            raise StepFailedError(f"{shipped.name} stands beside nothing")


async def _ask(client: TikuClient, console: Console, question: str, document_id: str) -> None:
    async with aclosing(client.answer(question, [document_id])) as events:
        answered = await show_answer(console, events, legs=True)
    words = CITING_MARK.sub("", answered.text)
    if answered.outcome != retrieval_pb2.ANSWER_OUTCOME_ANSWERED or not words.strip():
        raise StepFailedError(f"the document holds the answer, yet none was given: {answered.text.strip()!r}")
    if not answered.citations:
        raise StepFailedError("the answer cites nothing")
    for citation in answered.citations:
        await _check_quote(client, document_id, citation.source, f"citation [{citation.number}]")


async def _generate(client: TikuClient, console: Console, document_id: str, with_model: bool) -> str:
    request = pb.GenerateExerciseRequest(count=QUESTIONS_EACH, include_answers=True)
    request.documents.document_ids.append(document_id)
    if not with_model:
        request.generator = pb.GENERATOR_CHOICE_CLOZE_ONLY
    async with aclosing(client.generate(request)) as events:
        generated = await show_run(console, events, QUESTIONS_EACH)
    done = generated.done
    if done.state != pb.RUN_STATE_DONE:
        raise StepFailedError(f"{done.message or pb.RunState.Name(done.state)} [{done.reason or 'NO_REASON'}]")
    if len(generated.questions) != QUESTIONS_EACH:
        raise StepFailedError(f"{len(generated.questions)} questions came where {QUESTIONS_EACH} were asked for")
    console.print(
        f"{done.model_count} by the model, {done.cloze_count} cloze; {done.rejected_count} refused by the checks"
    )
    return generated.exercise_id


async def _check_quotes(client: TikuClient, document_id: str, exercise: pb.Exercise) -> None:
    if len(exercise.questions) != QUESTIONS_EACH:
        raise StepFailedError(f"the stored exercise holds {len(exercise.questions)} questions")
    for question in exercise.questions:
        await _check_quote(client, document_id, question.source, f"question {question.number}")


async def _check_quote(client: TikuClient, document_id: str, source: source_pb2.Source, what: str) -> None:
    if source.document_id != document_id:
        raise StepFailedError(f"{what} names another document, {source.document_id or 'none'}")
    text = await client.text(document_id, source.start, source.end)
    if not text.strip() or text != source.quote:
        raise StepFailedError(f"{what} quotes {source.quote!r}, but [{source.start}:{source.end}] holds {text!r}")


def _show_grades(console: Console, exercise: pb.Exercise, planned: list[Planned], submission: pb.Submission) -> None:
    table = Table("", "Kind", "Answer", "Key", "Verdict", "Points", box=None, pad_edge=False)
    for column in table.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    for free_text in table.columns[2:4]:
        free_text.max_width = ANSWER_COLUMNS
    table.columns[0].min_width, table.columns[-1].min_width = 1, 7
    grades = {grade.question_id: grade for grade in submission.grades}
    for question, given in zip(exercise.questions, planned, strict=True):
        grade = grades.get(question.question_id, pb.Grade())
        style = "green" if grade.verdict == pb.VERDICT_CORRECT else "yellow"
        table.add_row(
            str(question.number),
            KIND_WORDS.get(question.kind, "?"),
            escape(answer_in_words(given.answer)) or "–",
            escape(key_in_words(question.answer_key, question.kind)),
            f"[{style}]{VERDICT_WORDS.get(grade.verdict, 'not graded')}[/]",
            f"{grade.points:g} / {grade.max_points:g}" if grade.HasField("points") else f"– / {grade.max_points:g}",
        )
    console.print(table)
    console.print(f"[bold]{submission.points:g} of {submission.max_points:g} points[/]")
