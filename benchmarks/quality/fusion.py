"""Whether fused is never worse than the better leg: `python -m benchmarks.quality.fusion SET…`.

A set is a SQuAD-shaped file or a BEIR folder, as `tiku eval retrieval` takes; `FILE:QUESTIONS` asks the questions of
another file, such as XQuAD in another language. The legs and their fusion are the product's; only the store is the one
in memory. The half that chose weights is printed beside the one that did not.

    python -m benchmarks.quality.fusion SET… [--limit 400] [--model FOLDER] [--cache FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.quality.embedding import MODEL, Model
from services.evaluation.measures import ndcg, recall
from services.evaluation.sets import Half, Question, QuestionSet, read_set
from services.language.detection import language_of
from services.language.lexicon import lexicon
from services.retrieval.adapters.calibrations import toml
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.adapters.workers.fake import FakeWordReader
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.search.dense import DenseRetriever
from services.retrieval.domain.search.fusion import fuse
from services.retrieval.domain.search.translated import TranslatedRetriever
from services.retrieval.domain.search.words import WordsRetriever
from services.retrieval.ports import Leg
from services.retrieval.values.chunk import EVERYWHERE, Chunk, EmbeddedChunk, Hit, LegQuery

OWNER = "bench"
CANDIDATES = 40
RRF_K = 60

Rankings = Mapping[str, list[list[int]]]
"""Positions of passages by the name of a row, best first, a list a question."""


async def rank(model: Model, half: QuestionSet, questions: Sequence[Question]) -> Rankings:
    """Ask every leg every question, and fuse what they find."""
    store, centering = FakeVectorStore(), Centering(toml.load())
    document = str(uuid.UUID(int=0))
    chunks = [
        Chunk(str(uuid.UUID(int=i + 1)), document, "", i, text, 0, 0, len(text)) for i, text in enumerate(half.passages)
    ]
    vectors = model.embed("passage: ", list(half.passages))
    embedded = [EmbeddedChunk(chunk, vector.tolist()) for chunk, vector in zip(chunks, vectors, strict=True)]
    await ChunkIndexer(store, centering, FakeWordReader()).index(MODEL, OWNER, embedded)
    model.embed("query: ", [question.text for question in questions])
    legs: list[Leg] = [DenseRetriever(model, store, centering), WordsRetriever(store)]
    across = language_of(questions[0].text) != language_of(half.passages[0])
    if across:
        legs.append(TranslatedRetriever(store, lexicon))
    rankings: dict[str, list[list[int]]] = {name: [] for name in (*(leg.name for leg in legs), "by rank", "fused")}
    for question in questions:
        query = LegQuery(question.text, OWNER, EVERYWHERE, CANDIDATES)
        found = {leg.name: await leg.find(query) for leg in legs}
        rows = {**found, "fused": fuse(question.text, found)[:CANDIDATES]}
        for name, hits in rows.items():
            rankings[name].append([hit.chunk.ordinal for hit in hits])
        rankings["by rank"].append(by_rank(list(found.values())))
    return rankings


def by_rank(rankings: Sequence[Sequence[Hit]]) -> list[int]:
    """Fuse by reciprocal rank, for comparison (Cormack, Clarke and Büttcher, SIGIR 2009)."""
    scores: dict[int, float] = {}
    for hits in rankings:
        for place, hit in enumerate(hits, start=1):
            scores[hit.chunk.ordinal] = scores.get(hit.chunk.ordinal, 0.0) + 1 / (RRF_K + place)
    return sorted(scores, key=lambda ordinal: -scores[ordinal])


def report(label: str, passages: int, questions: Sequence[Question], rankings: Rankings) -> None:
    """Print nDCG@10 and recall at 1 and 5 of each leg and of all."""
    print(f"{label}: {passages} passages, {len(questions)} questions")
    for name, ranked in rankings.items():
        pairs = [(found, question.relevant) for found, question in zip(ranked, questions, strict=True)]
        figures = [np.mean([ndcg(*pair) for pair in pairs])]
        figures += [np.mean([recall(*pair, depth) for pair in pairs]) for depth in (1, 5)]
        print(f"  {name:10} " + "  ".join(f"{figure:.3f}" for figure in figures), flush=True)


def main() -> int:
    """Run the bench; 0 also when it is skipped for want of the model, with a line that says so."""
    models = Path(os.environ.get("TIKU_MODELS_DIR", "~/.cache/tiku/models")).expanduser()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="SET", help="SQuAD-shaped file, FILE:QUESTIONS, or BEIR folder")
    parser.add_argument("--limit", type=int, default=400, help="most questions of a half")
    parser.add_argument("--model", type=Path, default=models / MODEL, help="folder of the embedding model")
    parser.add_argument("--cache", type=Path, help="file that keeps the embeddings for the next run (.npz)")
    arguments = parser.parse_args()
    if not (arguments.model / "model.safetensors").is_file():
        print(f"SKIPPED: no model at {arguments.model} (`tiku models pull {MODEL}` fetches it)")
        return 0
    print(f"{'':12} nDCG@10, recall@1, recall@5")
    with Model(arguments.model, arguments.cache) as model:
        for name in arguments.sets:
            path, _, questions = name.partition(":")
            for half in (Half.CHOSEN, Half.HELD):
                found = read_set(Path(path), half, Path(questions) if questions else None)
                draw = random.Random(0)
                asked = draw.sample(found.questions, min(arguments.limit, len(found.questions)))
                rankings = asyncio.run(rank(model, found, asked))
                report(f"{name}, {half}", len(found.passages), asked, rankings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
