"""The commands `tiku eval …`."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from services.client.commands import Server, with_client
from services.client.errors import ClientError
from services.client.rest import TikuClient
from services.embedded.postgres import PostgresNotFoundError
from services.evaluation.grading import RestChatModel, measure, read_answers
from services.evaluation.measures import ndcg, quantile, recall, reciprocal_rank
from services.evaluation.retrieval import FUSED, Evaluation, Rankings, Refusals
from services.evaluation.sets import Half, NotASetError, Question, read_set
from services.models import ModelError
from services.stack.launch import CHAT_MODEL, StackError, StackOptions, running_stack
from services.stack.view import StackView, pull_missing_models

_COLUMNS = 110
"""Width of the tables where no terminal has one."""

app = typer.Typer(no_args_is_help=True, help="Measure how well Tiku does, on sets of questions.")


@app.callback()
def evaluate() -> None:
    """Measure how well Tiku does, on sets of questions."""


@app.command()
def retrieval(
    path: Annotated[Path, typer.Argument(metavar="SET", exists=True, help="SQuAD-shaped JSON, or a BEIR folder.")],
    questions: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Ask this file's questions, matched by id.")
    ] = None,
    strangers: Annotated[
        list[Path] | None,
        typer.Option(exists=True, help="A set whose passages make libraries larger, for refusal; repeatable."),
    ] = None,
    half: Annotated[Half, typer.Option(help="Half of the articles: figures were chosen on one, and hold on both.")] = (
        Half.ALL
    ),
    most: Annotated[int, typer.Option("--limit", min=1, help="Most questions asked of the whole set.")] = 300,
    refusals: Annotated[int, typer.Option(min=0, help="Questions asked for refusal at each size; 0 for none.")] = 100,
    start: Annotated[bool, typer.Option("--start", help="Start a stack of its own, without a chat model.")] = False,
    server: Server = None,
) -> None:
    """Show how well each leg finds, and all together; what is refused by the size of a library; and how long legs take.

    Passages are stored as documents of its own in the running stack, and removed at the end.
    """
    try:
        found = read_set(path, half, questions, strangers or ())
    except NotASetError as error:
        raise typer.BadParameter(str(error), param_hint="SET") from None

    async def work(client: TikuClient, console: Console) -> int:
        draw = random.Random(0)  # noqa: S311 - repeatable on purpose
        asked = draw.sample(found.questions, min(most, len(found.questions)))
        with console.status("embedding …") as status:
            evaluation = Evaluation(client, found, lambda what, n, total: status.update(f"{what} {n}/{total} …"))
            rankings = await evaluation.rankings(asked)
            refused = [await evaluation.refusals(size, refusals) for size in evaluation.sizes] if refusals else []
        shown = Console(highlight=False)
        if not shown.is_terminal:
            shown = Console(highlight=False, width=_COLUMNS)
        shown.print(f"{len(asked)} questions, {len(found.passages)} passages")
        shown.print(_quality(asked, rankings))
        if refused:
            shown.print(_refusals(refused))
        return 0

    if start:
        raise typer.Exit(asyncio.run(_on_own_stack(work)))
    with_client(server, work)


@app.command()
def grading(
    path: Annotated[
        Path, typer.Argument(metavar="SET", exists=True, file_okay=False, help="A folder of SemEval-2013 Task 7.")
    ],
    most: Annotated[int, typer.Option("--limit", min=1, help="Most answers that are graded, drawn from all.")] = 100,
    seed: Annotated[int, typer.Option(help="Draws the answers.")] = 0,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that the model has for one try.")] = 120.0,
    start: Annotated[bool, typer.Option("--start", help="Start a stack of its own, with the local model.")] = False,
    server: Server = None,
) -> None:
    """Show how well grades of short answers agree with those of people, and how many answers are left to a person."""
    try:
        found = read_answers(path)
    except NotASetError as error:
        raise typer.BadParameter(str(error), param_hint="SET") from None
    drawn = random.Random(seed).sample(found, min(most, len(found)))  # noqa: S311 - repeatable on purpose

    async def work(client: TikuClient, console: Console) -> int:
        with console.status("grading …") as status:
            model = RestChatModel(client, timeout)
            told = await measure(model, drawn, timeout, lambda n, total: status.update(f"grading {n}/{total} …"))
        shown = Table(
            Column("model", overflow="fold"),
            "answers",
            "left to a person",
            "agreement",
            "kappa",
            "macro-F1",
            "macro-F1 of all",
        )
        figures = (told.reviewed / told.answers, told.agreement, told.kappa, told.macro_f1, told.macro_f1_of_all)
        shown.add_row(told.model or "none", str(told.answers), *(f"{figure:.3f}" for figure in figures))
        Console(highlight=False, width=_COLUMNS).print(shown)
        return 0

    if start:
        raise typer.Exit(asyncio.run(_on_own_stack(work, chat_model=CHAT_MODEL)))
    with_client(server, work)


async def _on_own_stack(work: Callable[[TikuClient, Console], Awaitable[int]], *, chat_model: str | None = None) -> int:
    """Return the exit code of the work on a stack that is started for it, on a folder that is removed afterwards."""
    console = Console(stderr=True, highlight=False)
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="tiku-eval-")
    options = StackOptions(data=Path(folder.name), port=0, ports="free", chat_model=chat_model)
    try:
        await pull_missing_models(options, console)
        view = StackView(console)
        with view:
            async with running_stack(options, view) as stack, TikuClient.open(stack.gateway) as client:
                return await work(client, console)
    except (StackError, PostgresNotFoundError, ModelError, ClientError) as error:
        console.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
        return 1
    finally:
        await asyncio.to_thread(folder.cleanup)


def _quality(asked: Sequence[Question], found: Rankings) -> Table:
    table = Table("", "nDCG@10", "recall@1", "recall@5", "recall@10", "MRR@10", "P50 ms", "P95 ms", "failed")
    for name, ranked in sorted(found.ranked.items(), key=lambda item: (item[0] in {FUSED, "reranked"}, item[0])):
        pairs = list(zip(ranked, (question.relevant for question in asked), strict=False))
        figures = [fmean(ndcg(*pair) for pair in pairs)]
        figures += [fmean(recall(*pair, depth) for pair in pairs) for depth in (1, 5, 10)]
        figures.append(fmean(reciprocal_rank(*pair) for pair in pairs))
        times = found.elapsed_ms.get("rerank" if name == "reranked" else name, [])
        spent = [f"{quantile(times, share):.1f}" for share in (0.5, 0.95)] if times else ["", ""]
        table.add_row(name, *(f"{figure:.3f}" for figure in figures), *spent, str(found.failed.get(name, "")))
    return table


def _refusals(found: Sequence[Refusals]) -> Table:
    table = Table("passages", "refused: passage is gone", "refused: passage is there", "questions each")
    for one in found:
        table.add_row(str(one.passages), f"{one.unanswerable:.3f}", f"{one.answerable:.3f}", str(one.questions))
    return table
