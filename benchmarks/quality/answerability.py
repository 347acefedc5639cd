"""What the local model says of what it is to answer from: `python -m benchmarks.quality.answerability`.

    python -m benchmarks.quality.answerability SET [--strangers SET …] [--questions 70] [--there 34] [--save FILE]

A SET is SQuAD-shaped; its articles at odd positions are the library, filled with strangers up to 1,000 passages. Each
question is asked with its passage there and with it gone, while the rest of its document stays. Where the gate lets a
question pass, the product's judge is asked about what a slow model reads first (ADR 77 and 87). Every question whose
passage is gone is judged, and of those whose passage is there the first (`--there`); the rates are of all.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.local_engine import running
from benchmarks.quality.answers import OWNER, ready, store_of
from benchmarks.quality.embedding import MODEL, Model
from services import models
from services.evaluation.sets import Half, read_set
from services.language.detection import language_of
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.rerankers.yes_no import YesNoReranker
from services.retrieval.adapters.calibrations import toml
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.domain.answering.context_window import fit
from services.retrieval.domain.answering.first_reading import in_parts
from services.retrieval.domain.answering.relevance_gate import RelevanceGate
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.domain.search.dense import DenseRetriever
from services.retrieval.domain.search.hybrid import HybridRetriever
from services.retrieval.domain.search.neighbors import joined
from services.retrieval.domain.search.words import WordsRetriever
from services.retrieval.values.chunk import EVERYWHERE, Chunk, LegQuery
from services.stack.launch import CHAT_MODEL

_LIBRARY = 1_000
_CONTEXT_TOKENS, _ANSWER_TOKENS = 4_096, 512
_READ_FIRST = 216.0
"""Tokens: what a model that reads 54 a second reads in time, as the default one does on two idle cores."""
_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of one library; `yes` is None where the gate refused it or the judge was not asked."""

    question: str
    gone: bool
    passed: bool
    yes: float | None


async def read_first(question: str, store: FakeVectorStore, model: Model, centering: Centering) -> str | None:
    """Return what would be read first; None where the gate refuses the question."""
    retriever = HybridRetriever([DenseRetriever(model, store, centering), WordsRetriever(store)], store)
    found = await retriever.retrieve(LegQuery(question, OWNER, EVERYWHERE, 5))
    hits = fit(question, found.hits, _CONTEXT_TOKENS, _ANSWER_TOKENS)
    if not RelevanceGate(toml.load()).passes(question, hits, found.candidates):
        return None
    hits = fit(question, joined(found.hits), _CONTEXT_TOKENS, _ANSWER_TOKENS)
    first, *_ = in_parts(question, [hit.chunk for hit in hits], _READ_FIRST)
    return "\n\n".join(portion.text for portion in first)


def library(given: argparse.Namespace) -> tuple[list[Chunk], list[tuple[str, set[str]]]]:
    """Return the passages, and each question with the ids of those that answer it."""
    own = read_set(given.set, Half.HELD, strangers=given.strangers)
    texts = [*own.passages, *own.strangers][: max(_LIBRARY, len(own.passages))]
    articles = [f"article {article}" for article in own.articles]
    names = [*articles, *(f"stranger {at}" for at in range(len(texts) - len(articles)))]
    placed = zip(names, texts, strict=True)
    chunks = [Chunk(str(at), name, "", at, text, 0, 0, len(text)) for at, (name, text) in enumerate(placed)]
    drawn = random.Random(given.seed).sample(list(own.questions), given.questions)
    return chunks, [(question.text, {str(at) for at in question.relevant}) for question in drawn]


def table(asked: Sequence[Asked]) -> str:
    """Return what is refused, by the gate alone and with the judge at the least share that ships."""
    (calibration,) = toml.load_judges().values()
    lines = ["| passage | questions | refused by the gate | judged | refused by the judge | both |", f"{'|---' * 6}|"]
    for gone in (True, False):
        its = [one for one in asked if one.gone is gone]
        judged = [one for one in its if one.yes is not None]
        doubted = [one for one in judged if (one.yes or 0.0) < calibration.least[language_of(one.question)]]
        gate = sum(not one.passed for one in its) / len(its)
        share = len(doubted) / max(1, len(judged))
        lines.append(
            f"| {'gone' if gone else 'there'} | {len(its)} | {gate:.2f} | {len(judged)} | {share:.2f} "
            f"| {gate + (1 - gate) * share:.2f} |"
        )
    return "\n".join(lines)


async def main(given: argparse.Namespace) -> None:
    """Ask, and print the table."""
    folder, weights = await models.path(MODEL), await models.path(CHAT_MODEL)
    if folder is None or weights is None:
        raise SystemExit(f"{MODEL} or {CHAT_MODEL} is not on this machine")
    chunks, questions = library(given)
    centering, asked = Centering(toml.load()), []
    with Model(folder, given.cache) as model:
        whole = await store_of(chunks, model, centering)
        async with AsyncExitStack() as stack:
            engine = await stack.enter_async_context(running("shipped", weights))
            await ready(engine)
            client = await stack.enter_async_context(ProviderClient.open("local", f"{engine.url}/v1", ""))
            judge = YesNoReranker(client, "bench")
            for number, (question, gold) in enumerate(questions):
                left = await store_of([one for one in chunks if one.chunk_id not in gold], model, centering)
                for gone, store in ((True, left), (False, whole)):
                    text = await read_first(question, store, model, centering)
                    yes = None
                    if text is not None and (gone or number < given.there):
                        yes = (await judge.rerank(question, [text], 0, _TIMEOUT)).results[0].score
                    asked.append(Asked(question, gone, text is not None, yes))
                    if given.save:
                        with given.save.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(asdict(asked[-1]), ensure_ascii=False) + "\n")
    print(table(asked))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.answerability", description=__doc__)
    parser.add_argument("set", type=Path, help="a SQuAD-shaped file")
    parser.add_argument("--strangers", type=Path, nargs="*", default=(), help="sets whose passages fill the library")
    parser.add_argument("--questions", type=int, default=70, help="how many (default: %(default)s)")
    parser.add_argument("--there", type=int, default=34, help="how many are judged there (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=5, help="draws the questions (default: %(default)s)")
    parser.add_argument("--cache", type=Path, help="file in which vectors are kept")
    parser.add_argument("--save", type=Path, help="file to which each question is added, a line each")
    asyncio.run(main(parser.parse_args()))
