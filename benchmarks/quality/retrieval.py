"""How well passages are found, questions without an answer refused, and answers extracted, on XQuAD.

    python -m benchmarks.quality.retrieval [--sample 240] [--fit] [--model FOLDER] [--data FOLDER] [--cache FILE]

The service's own code is measured (dense retriever, centering, gate, extractive answerer) with the default embedding
model; only the store is the one in memory. One half of the articles is for choosing and is touched by ``--fit`` alone,
which writes the calibration that ships (``services/retrieval/adapters/calibrations``). Every table is of the other
half.

Unanswerable questions are made by removal: "near" removes the paragraph with the answer and keeps the rest of its
article, "far" removes the whole article. The gate is asked over three collections: all articles, six of them, and one
(where "far" is a question about another article), because the best of many unrelated passages is nearer than the best
of few.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import backing, xquad
from benchmarks.quality.embedding import MODEL, Model
from services.retrieval.adapters.calibrations import toml
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.adapters.workers.fake import FakeWordReader
from services.retrieval.domain.answering.extractive import ExtractiveAnswerer
from services.retrieval.domain.answering.relevance_gate import RelevanceGate
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.search.dense import DenseRetriever
from services.retrieval.values.calibration import Calibration, Calibrations
from services.retrieval.values.chunk import EVERYWHERE, Chunk, EmbeddedChunk, Hit, LegQuery

PAIRS = (("en", "en"), ("zh", "zh"), ("zh", "en"), ("en", "zh"))
PASSAGES = 5  # what Answer reads by default
WEIGHT = 0.4
WRONG_REFUSALS = {
    True: 0.04,
    False: 0.10,
}  # of answerable questions of the half that chooses: within a language, across
UNBACKED = 0.07  # of statements that the material makes in the other language
COLLECTIONS = ("all", "six", "one")

Kind = Literal["answerable", "near", "far"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with every paragraph ranked, best first; a hit's ordinal is its paragraph."""

    question: xquad.Question
    article: int
    ranked: list[Hit]


async def ask(
    model: Model, known: Calibrations, questions: Sequence[xquad.Question], material: Sequence[xquad.Corpus]
) -> list[Asked]:
    """Rank all paragraphs of ``material`` for each question through the dense retriever.

    A paragraph of the second corpus has the ordinal of its translation plus the length of the first.
    """
    store, centering = FakeVectorStore(), Centering(known)
    texts = [text for corpus in material for text in corpus.paragraphs]
    vectors = await asyncio.to_thread(model.embed, "passage: ", texts)
    chunks = [
        Chunk(str(uuid.UUID(int=i + 1)), str(uuid.UUID(int=0)), "xquad", i, text, 0, 0, len(text))
        for i, text in enumerate(texts)
    ]
    embedded = [EmbeddedChunk(chunk, vector.tolist()) for chunk, vector in zip(chunks, vectors, strict=True)]
    await ChunkIndexer(store, centering, FakeWordReader()).index(MODEL, "bench", embedded)
    await asyncio.to_thread(model.embed, "query: ", [question.text for question in questions])
    leg = DenseRetriever(model, store, centering)
    articles = material[0].articles
    return [
        Asked(
            question,
            articles[question.paragraph],
            await leg.find(LegQuery(question.text, "bench", EVERYWHERE, len(texts))),
        )
        for question in questions
    ]


def print_ranking(label: str, asked: Sequence[Asked], articles: Sequence[int]) -> None:
    """Print recall at several depths, mean reciprocal rank and nDCG (both of the first 10).

    One paragraph is relevant; where the material is in both languages, the paragraphs of its article that are in the
    other one are taken out, so that nothing but the translation can answer.
    """
    ranks = []
    for one in asked:
        count = len(articles)
        kept = [
            hit.chunk.ordinal
            for hit in one.ranked
            if hit.chunk.ordinal < count or articles[hit.chunk.ordinal - count] != one.article
        ]
        ranks.append(1 + kept.index(one.question.paragraph))
    rank = np.array(ranks)
    recalls = "  ".join(f"{np.mean(rank <= k):9.3f}" for k in (1, 3, 5, 10))
    reciprocal = np.mean(np.where(rank <= 10, 1 / rank, 0))
    gain = np.mean(np.where(rank <= 10, 1 / np.log2(1 + rank), 0))
    print(f"{label:22} {recalls}  {reciprocal:6.3f}  {gain:7.3f}")


def read(one: Asked, articles: Sequence[int], collection: str, kind: Kind) -> list[Hit]:
    """Return the passages that Answer would read of a collection from which the answer was removed, or not."""
    draw = random.Random(one.question.text)
    others = sorted(set(articles) - {one.article})
    within = {
        "all": {*others, one.article},
        "six": {*draw.sample(others, 5), one.article},
        "one": {draw.choice(others) if kind == "far" else one.article},
    }[collection]
    if kind == "far":
        within -= {one.article}
    hits = (hit for hit in one.ranked if articles[hit.chunk.ordinal] in within)
    if kind == "near":
        hits = (hit for hit in hits if hit.chunk.ordinal != one.question.paragraph)
    return [hit for hit, _ in zip(hits, range(PASSAGES), strict=False)]


def margins(
    gate: RelevanceGate, asked: Iterable[Asked], articles: Sequence[int], collection: str, kind: Kind
) -> NDArray[np.float64]:
    """Return the gate's margin of each question over what it reads."""
    return np.array([gate.margin(one.question.text, read(one, articles, collection, kind)) for one in asked])


def area(answerable: NDArray[np.float64], unanswerable: NDArray[np.float64]) -> float:
    """Return how often an answerable question has the larger margin of the two (ties count half): ROC's area."""
    larger = np.mean(answerable[:, None] > unanswerable)
    return float(larger + np.mean(answerable[:, None] == unanswerable) / 2)


def print_gate(label: str, gate: RelevanceGate, asked: Sequence[Asked], articles: Sequence[int]) -> None:
    """Print what the gate lets through and refuses, one line a collection."""
    for collection in COLLECTIONS:
        right = margins(gate, asked, articles, collection, "answerable")
        near = margins(gate, asked, articles, collection, "near")
        far = margins(gate, asked, articles, collection, "far")
        found = f"{np.mean(right >= 0):11.3f}  {np.mean(far < 0):11.3f}  {area(right, far):7.3f}"
        nearby = f"{np.mean(near < 0):12.3f}  {area(right, near):8.3f}"
        print(f"{label:22} {collection:>10}  {found}  {nearby}")


async def print_extraction(label: str, model: Model, asked: Sequence[Asked]) -> None:
    """Print how often the extracted sentences hold the annotated answer, where a retrieved passage does."""
    extractor = ExtractiveAnswerer(model)
    held = total = 0
    for one in asked:
        passages = [hit.chunk for hit in one.ranked[:PASSAGES]]
        if not any(chunk.ordinal == one.question.paragraph for chunk in passages):
            continue
        total += 1
        extracts = await extractor.extract(one.question.text, passages)
        text = " ".join(passages[number - 1].text[span.start : span.end] for number, span in extracts)
        held += one.question.answer in text
    print(f"{label:22} {held / max(1, total):10.3f}  of {total} questions")


def print_backing(model: Model, known: Calibration, held: Mapping[str, xquad.Corpus], support: float) -> None:
    """Print how many sentences are found to be backed by their translation, and by what is none."""
    for stating, material in (("zh", "en"), ("en", "zh")):
        by_place = backing.nearest(model, known, held[stating], held[material])
        backed = "  ".join(f"{np.mean(by_place[kind] >= support):14.3f}" for kind in ("own", "near", "far"))
        print(f"{f'{stating} → {material}':22} {backed}  of {len(by_place['own'])} sentences")


async def report(model: Model, held: Mapping[str, xquad.Corpus], sample: int) -> None:
    """Print every table, of the half that chose nothing."""
    count = len(held["en"].questions)
    chosen = sorted(random.Random(0).sample(range(count), min(sample, count)))
    questions = {language: [held[language].questions[i] for i in chosen] for language in held}
    articles = held["en"].articles
    shipped, none = toml.load(), Calibrations({})
    print(f"\nXQuAD's held-out half: {len(chosen)} questions a language, {len(articles)} passages, {MODEL}")
    print("\nquestion→material       recall@1   recall@3   recall@5  recall@10  MRR@10  nDCG@10")
    results = {}
    for known, name in ((none, "plain"), (shipped, "centered")):
        for asking, material in PAIRS:
            asked = await ask(model, known, questions[asking], [held[material]])
            results[asking, material, name] = asked
            print_ranking(f"{asking} → {material}, {name}", asked, articles)
        for asking, material in PAIRS:
            other = "zh" if material == "en" else "en"
            both = await ask(model, known, questions[asking], [held[material], held[other]])
            print_ranking(f"{asking} → {material} of both, {name}", both, articles)
    gate, words = RelevanceGate(shipped), RelevanceGate(none)
    heading = "question→material      collection  let through  refused far  AUC far  refused near  AUC near"
    print(f"\nThe gate; questions let through are answerable, refused ones are not\n{heading}")
    for asking, material in PAIRS:
        print_gate(f"{asking} → {material}", gate, results[asking, material, "centered"], articles)
    print(f"\nThe gate of an unknown embedding model: words alone\n{heading}")
    for language in held:
        print_gate(f"{language} → {language}", words, results[language, language, "plain"], articles)
    calibration = shipped.of(MODEL)
    if calibration is not None and calibration.support is not None:
        print("\nSentences found to be backed in the other language; only by their translation is right")
        print("statement→material        translation  same article  five unrelated")
        print_backing(model, calibration, held, calibration.support)
    print("\nExtracted answers: the annotated answer stands in the chosen sentences (1 or 2 of about 15)")
    for language in held:
        await print_extraction(f"{language} → {language}", model, results[language, language, "centered"][:60])


async def fit(model: Model, half: Mapping[str, xquad.Corpus]) -> Calibration:
    """Choose means and thresholds; a threshold is where so many answerable questions are refused as may be."""
    kinds = {
        "query: ": {language: [question.text for question in half[language].questions] for language in half},
        "passage: ": {language: half[language].paragraphs for language in half},
    }
    questions, passages = (
        {language: np.mean(model.embed(prefix, texts), axis=0) for language, texts in by_language.items()}
        for prefix, by_language in kinds.items()
    )
    open_to_all = Calibration(WEIGHT, dict.fromkeys(PAIRS, 0.0), questions, passages)
    known = Calibrations({MODEL: open_to_all})
    thresholds = {}
    for asking, material in PAIRS:
        asked = await ask(model, known, half[asking].questions, [half[material]])
        gate = RelevanceGate(known)
        relevance = [margins(gate, asked, half[material].articles, name, "answerable") for name in ("all", "one")]
        threshold = float(np.quantile(np.concatenate(relevance), WRONG_REFUSALS[asking == material]))
        thresholds[asking, material] = round(threshold, 3)
    translated = [
        backing.nearest(model, open_to_all, half[stating], half[material])["own"]
        for stating, material in (("zh", "en"), ("en", "zh"))
    ]
    support = round(float(np.quantile(np.concatenate(translated), UNBACKED)), 3)
    shipped = toml.load().of(MODEL)
    # Fitted on more than this set (ADR 0059), so they stay.
    within, across = (shipped.within, shipped.across) if shipped is not None else (None, None)
    return Calibration(WEIGHT, thresholds, questions, passages, support, within, across)


def written(calibration: Calibration) -> str:
    """Return a calibration as the TOML that ships."""
    lines = [
        f"# What is known of {MODEL}. Written by `python -m benchmarks.quality.retrieval --fit` from the articles at",
        "# even positions of XQuAD; docs/adr/0025 says what each figure is for.",
        f"weight = {calibration.weight}",
        f"support = {calibration.support}",
    ]
    for asking in xquad.LANGUAGES:
        lines += ["", f"[thresholds.{asking}] # of questions in this language, by the passage's"]
        lines += [f"{material} = {calibration.thresholds[asking, material]}" for material in xquad.LANGUAGES]
    notes = {"within": "the question's language (docs/adr/0059)", "across": "another language"}
    for (name, note), evidence in zip(notes.items(), (calibration.within, calibration.across), strict=True):
        if evidence is not None:
            lines += ["", f"[evidence.{name}] # of many candidates in {note}"]
            lines += [f"{signal} = {weight}" for signal, weight in evidence.weights.items()]
            lines.append(f"threshold = {evidence.threshold}")
    for kind, means in (("questions", calibration.questions), ("passages", calibration.passages)):
        lines += ["", f"[means.{kind}]"]
        for language, mean in means.items():
            lines.append(f"{language} = [")
            figures = [f"{x:.4f}" for x in mean]
            lines += ["  " + ", ".join(figures[i : i + 12]) + "," for i in range(0, len(figures), 12)]
            lines.append("]")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the bench; 0 also when it is skipped for want of data or model, with a line that says so."""
    models = Path(os.environ.get("TIKU_MODELS_DIR", "~/.cache/tiku/models")).expanduser()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=240, help="questions a language (most: 578)")
    parser.add_argument("--fit", action="store_true", help="choose means and thresholds anew, and ship them")
    parser.add_argument("--model", type=Path, default=models / MODEL, help="folder of the embedding model")
    parser.add_argument("--data", type=Path, default=xquad.FOLDER, help="folder with xquad.en.json and xquad.zh.json")
    parser.add_argument("--cache", type=Path, help="file that keeps the embeddings for the next run (.npz)")
    arguments = parser.parse_args()
    if not (arguments.data / "xquad.en.json").is_file():
        print(f"SKIPPED: no XQuAD at {arguments.data} (--data names another folder)")
        return 0
    if not (arguments.model / "model.safetensors").is_file():
        print(f"SKIPPED: no model at {arguments.model} (`tiku models pull {MODEL}` fetches it)")
        return 0
    halves = {language: xquad.halve(xquad.load(language, arguments.data)) for language in xquad.LANGUAGES}
    with Model(arguments.model, arguments.cache) as model:
        if arguments.fit:
            calibration = asyncio.run(fit(model, {language: first for language, (first, _) in halves.items()}))
            (toml.FOLDER / f"{MODEL}.toml").write_text(written(calibration), encoding="utf-8")
            print("thresholds:", calibration.thresholds)
        asyncio.run(report(model, {language: second for language, (_, second) in halves.items()}, arguments.sample))
    return 0


if __name__ == "__main__":
    sys.exit(main())
