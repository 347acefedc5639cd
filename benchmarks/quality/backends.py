"""What 8 bits cost: recall of the default embedding model on each backend, on all of XQuAD.

    python -m benchmarks.quality.backends [--model FOLDER] [--data FOLDER] [--cache FOLDER]

Plain is by cosine of the vectors as they come, centered by that of the vectors that Tiku stores (ADR 0025), whose means
were measured with torch. The cosine in the last line is that of both backends' vectors of one text. A run takes eight
minutes of one core, six of them on torch; `--cache` keeps the vectors.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import xquad
from benchmarks.quality.embedding import MODEL, Model
from services.llm.values.local import Backend
from services.models import path
from services.retrieval.adapters.calibrations import toml
from services.retrieval.domain.embedding.centering import Centering

Matrix = NDArray[np.float32]

PAIRS = (("en", "en"), ("zh", "zh"), ("en", "zh"), ("zh", "en"))
PREFIXES = {"query": "query: ", "passage": "passage: "}


def embedded(folder: Path, backend: Backend, corpora: dict[str, xquad.Corpus], cache: Path | None) -> list[Matrix]:
    """Return the vectors of each language's questions and paragraphs, in the order of the corpora."""
    found = []
    with Model(folder, cache and cache / f"{backend}.npz", backend) as model:
        for corpus in corpora.values():
            for kind, texts in (
                ("query", [question.text for question in corpus.questions]),
                ("passage", corpus.paragraphs),
            ):
                found.append(np.stack(model.embed(PREFIXES[kind], texts)))
    return found


def centered(vectors: list[Matrix], corpora: dict[str, xquad.Corpus]) -> list[Matrix]:
    """Return the vectors as Tiku stores and searches with them."""
    centering = Centering(toml.load())
    moved = []
    for number, corpus in enumerate(corpora.values()):
        questions, passages = vectors[2 * number : 2 * number + 2]
        texts = [question.text for question in corpus.questions]
        moved.append(
            [centering.question(MODEL, text, row.tolist()) for text, row in zip(texts, questions, strict=True)]
        )
        moved.append(
            [
                centering.passage(MODEL, text, row.tolist())
                for text, row in zip(corpus.paragraphs, passages, strict=True)
            ]
        )
    return [np.array(rows, np.float32) for rows in moved]


def recalls(questions: Matrix, passages: Matrix, right: list[int]) -> tuple[float, float]:
    """Return in how many percent of the questions the right passage is the first, and among the first five."""
    scores = questions @ passages.T
    ranks = (scores > scores[np.arange(len(right)), right][:, None]).sum(axis=1)
    return 100 * float(np.mean(ranks < 1)), 100 * float(np.mean(ranks < 5))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--data", type=Path, default=xquad.FOLDER)
    parser.add_argument("--cache", type=Path, help="folder that keeps the vectors")
    options = parser.parse_args()
    folder = options.model or asyncio.run(path(MODEL))
    if folder is None or not options.data.is_dir():
        sys.exit(f"skipped: needs {MODEL} (`tiku models pull`) and XQuAD in {options.data}")
    corpora = {language: xquad.load(language, options.data) for language in xquad.LANGUAGES}
    languages = list(corpora)
    vectors = {backend: embedded(folder, backend, corpora, options.cache) for backend in Backend}
    print("| question → material | vectors | torch: recall@1 | @5 | int8: recall@1 | @5 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, moved in (("plain", vectors), ("centered", {b: centered(v, corpora) for b, v in vectors.items()})):
        for asking, material in PAIRS:
            right = [question.paragraph for question in corpora[asking].questions]
            cells = []
            for backend in (Backend.TORCH, Backend.ONNX):
                questions = moved[backend][2 * languages.index(asking)]
                passages = moved[backend][2 * languages.index(material) + 1]
                cells += [f"{value:.2f}" for value in recalls(questions, passages, right)]
            print(f"| {asking} → {material} | {name} | {' | '.join(cells)} |")
    both = [np.concatenate(vectors[backend]) for backend in Backend]
    cosines = (both[0] * both[1]).sum(axis=1)
    print(f"\ncosine: least {cosines.min():.4f}, mean {cosines.mean():.4f}, of {len(cosines)} texts")


if __name__ == "__main__":
    main()
