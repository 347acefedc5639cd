"""How well passages are found, questions without an answer refused, and answers extracted, on XQuAD.

    python -m benchmarks.quality.retrieval [--sample 150] [--model FOLDER] [--data FOLDER]

The service's own code is measured (vector leg, gate, extractor) with the default embedding model; only the store is
the one in memory. Unanswerable questions are made by removal: "near" removes the paragraph with the answer and keeps
the rest of its article, "far" removes the whole article. The gate's thresholds in ``services/retrieval/relevance.py``
come from the last table, with every question (``--sample 1190``).
"""

import argparse
import asyncio
import os
import random
import sys
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import xquad
from services.retrieval.extracting import Extractor
from services.retrieval.passage import Chunk, EmbeddedChunk, Hit
from services.retrieval.ports import LegQuery, QueryEmbedding
from services.retrieval.relevance import E5_SMALL, RelevanceGate
from services.retrieval.searching import VectorLeg
from services.retrieval.stores.memory import MemoryVectorStore

MODEL = "multilingual-e5-small"
PAIRS = (("en", "en"), ("zh", "zh"), ("zh", "en"), ("en", "zh"))
PASSAGES = 5  # what Answer reads by default
WRONG_REFUSALS = 0.02


class Model:
    """The embedding model in this process, one thread; every text is embedded once."""

    def __init__(self, folder: Path) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(1)
        self._model = SentenceTransformer(str(folder), device="cpu")
        self._known: dict[str, NDArray[np.float32]] = {}

    def embed(self, prefix: str, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Return one unit vector a text."""
        new = sorted({prefix + text for text in texts} - self._known.keys(), key=len)
        if new:
            vectors = self._model.encode(new, batch_size=16, normalize_embeddings=True, show_progress_bar=False)
            self._known.update(zip(new, vectors, strict=True))
        return [self._known[prefix + text] for text in texts]

    async def embed_query(self, text: str) -> QueryEmbedding:
        """Embed a question; see ``ports.Embedder``."""
        vectors = await asyncio.to_thread(self.embed, "query: ", [text])
        return QueryEmbedding(MODEL, vectors[0].tolist())

    async def embed_passages(self, texts: Sequence[str], model: str) -> list[Sequence[float]]:
        """Embed texts to be found; see ``ports.Embedder``."""
        vectors = await asyncio.to_thread(self.embed, "passage: ", texts)
        return [vector.tolist() for vector in vectors]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with every paragraph ranked, best first; a hit's ordinal is its paragraph."""

    question: xquad.Question
    article: int
    ranked: list[Hit]


async def ask(
    model: Model, questions: Sequence[xquad.Question], articles: Sequence[int], where: xquad.Corpus
) -> list[Asked]:
    """Rank all paragraphs of ``where`` for each question through the vector leg."""
    store = MemoryVectorStore()
    vectors = await asyncio.to_thread(model.embed, "passage: ", where.paragraphs)
    document = str(uuid.UUID(int=0))
    chunks = [
        Chunk(str(uuid.UUID(int=i + 1)), document, "xquad", i, text, 0, 0, len(text))
        for i, text in enumerate(where.paragraphs)
    ]
    embedded = [EmbeddedChunk(chunk, vector.tolist()) for chunk, vector in zip(chunks, vectors, strict=True)]
    await store.upsert(MODEL, "bench", embedded)
    await asyncio.to_thread(model.embed, "query: ", [question.text for question in questions])
    leg = VectorLeg(model, store)
    return [
        Asked(
            question,
            articles[question.paragraph],
            await leg.find(LegQuery(question.text, "bench", (), len(where.paragraphs))),
        )
        for question in questions
    ]


def print_ranking(pair: str, asked: Sequence[Asked]) -> None:
    """Print recall at several depths and the mean reciprocal rank (of the first 10)."""
    ranks = np.array([1 + [hit.chunk.ordinal for hit in one.ranked].index(one.question.paragraph) for one in asked])
    recalls = "  ".join(f"{np.mean(ranks <= k):9.3f}" for k in (1, 3, 5, 10))
    print(f"{pair:9} {recalls}  {np.mean(np.where(ranks <= 10, 1 / ranks, 0)):6.3f}")


def margins(gate: RelevanceGate, asked: Iterable[Asked], keep: Callable[[Asked, Hit], bool]) -> NDArray[np.float64]:
    """Return the gate's margin of each question over the best passages that are kept."""
    found = []
    for one in asked:
        hits = [hit for hit in one.ranked if keep(one, hit)][:PASSAGES]
        found.append(gate.margin(one.question.text, hits))
    return np.array(found)


def print_gate(pair: str, gate: RelevanceGate, asked: Sequence[Asked], articles: Sequence[int]) -> None:
    """Print how shifts of the threshold trade wrong refusals against questions wrongly let through."""

    def library(one: Asked, hit: Hit) -> bool:
        return True

    def near(one: Asked, hit: Hit) -> bool:
        return hit.chunk.ordinal != one.question.paragraph

    def far(one: Asked, hit: Hit) -> bool:
        return articles[hit.chunk.ordinal] != one.article

    def document(one: Asked, hit: Hit) -> bool:
        return articles[hit.chunk.ordinal] == one.article

    def document_near(one: Asked, hit: Hit) -> bool:
        return document(one, hit) and near(one, hit)

    answerable = np.concatenate([margins(gate, asked, library), margins(gate, asked, document)])
    nearly = np.concatenate([margins(gate, asked, near), margins(gate, asked, document_near)])
    unrelated = margins(gate, asked, far)
    for shift in (-0.02, -0.01, 0.0, 0.01, 0.02):
        right = float(np.mean(answerable >= shift))
        refused_near, refused_far = float(np.mean(nearly < shift)), float(np.mean(unrelated < shift))
        # As many answerable as unanswerable questions, half of those near: what share of the refusals is right.
        refused = (refused_near + refused_far) / 2
        precision = refused / (refused + 1 - right) if refused + 1 - right else 0.0
        print(
            f"{pair:9} {shift:+9.3f}  {1 - right:13.3f}  {refused_near:12.3f}  {refused_far:11.3f}  {precision:9.3f}"
            f"  {refused:6.3f}"
        )
    best = float(np.quantile(answerable, WRONG_REFUSALS))
    print(f"{pair:9} threshold for {WRONG_REFUSALS:.0%} wrong refusals: shipped {best:+.3f}")


async def print_extraction(pair: str, model: Model, asked: Sequence[Asked]) -> None:
    """Print how often the extracted sentences hold the annotated answer, where a retrieved passage does."""
    extractor = Extractor(model)
    held = total = 0
    for one in asked:
        passages = [hit.chunk for hit in one.ranked[:PASSAGES]]
        if not any(chunk.ordinal == one.question.paragraph for chunk in passages):
            continue
        total += 1
        extracts = await extractor.extract(one.question.text, passages)
        text = " ".join(passages[e.number - 1].text[e.span.start : e.span.end] for e in extracts)
        held += one.question.answer in text
    print(f"{pair:9} {held / max(1, total):10.3f}  of {total} questions")


async def run(model: Model, corpora: dict[str, xquad.Corpus], sample: int) -> None:
    """Print every table."""
    count = len(corpora["en"].questions)
    chosen = sorted(random.Random(0).sample(range(count), min(sample, count)))
    articles = corpora["en"].articles
    results = {}
    for language, material in PAIRS:
        questions = [corpora[language].questions[i] for i in chosen]
        results[language, material] = await ask(model, questions, articles, corpora[material])
    print(f"\nXQuAD, {len(chosen)} questions a language, 240 passages, {MODEL}\n")
    print("question→material   recall@1   recall@3   recall@5  recall@10   MRR@10")
    for (language, material), asked in results.items():
        print_ranking(f"{language} → {material}", asked)
    gate = RelevanceGate({MODEL: E5_SMALL})
    print("\nThe gate; shift moves the shipped threshold; precision and recall are those of refusing")
    print("pair          shift  wrong refusal  refused near  refused far  precision  recall")
    for (language, material), asked in results.items():
        print_gate(f"{language} → {material}", gate, asked, articles)
    print("\nThe gate of an unknown embedding model: words alone")
    print("pair          shift  wrong refusal  refused near  refused far  precision  recall")
    for language in xquad.LANGUAGES:
        print_gate(f"{language} → {language}", RelevanceGate({}), results[language, language], articles)
    print("\nExtracted answers: the annotated answer stands in the chosen sentences (1 or 2 of about 15)")
    for language in xquad.LANGUAGES:
        await print_extraction(f"{language} → {language}", model, results[language, language][:100])


def main() -> int:
    """Run the bench; 0 also when it is skipped for want of data or model, with a line that says so."""
    models = Path(os.environ.get("TIKU_MODELS_DIR", "~/.cache/tiku/models")).expanduser()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=150, help="questions a language (most: 1190)")
    parser.add_argument("--model", type=Path, default=models / MODEL, help="folder of the embedding model")
    parser.add_argument("--data", type=Path, default=xquad.FOLDER, help="folder with xquad.en.json and xquad.zh.json")
    arguments = parser.parse_args()
    if not (arguments.data / "xquad.en.json").is_file():
        print(f"SKIPPED: no XQuAD at {arguments.data} (--data names another folder)")
        return 0
    if not (arguments.model / "model.safetensors").is_file():
        print(f"SKIPPED: no model at {arguments.model} (`tiku models pull {MODEL}` fetches it)")
        return 0
    corpora = {language: xquad.load(language, arguments.data) for language in xquad.LANGUAGES}
    asyncio.run(run(Model(arguments.model), corpora, arguments.sample))
    return 0


if __name__ == "__main__":
    sys.exit(main())
