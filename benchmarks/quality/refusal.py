"""Whether questions are refused whose passage is gone, and answered whose passage is there, by the size of a library.

    python -m benchmarks.quality.refusal --set SET[,QUESTIONS] … [--strangers SET …] [--fit] [--model FOLDER]

A SET is a SQuAD-shaped file or a BEIR folder, as `tiku eval retrieval` reads it; QUESTIONS is the same set in the other
language, whose questions are asked instead. Each question is asked of two libraries of a size: one without its passage,
and the same one with the passage in place of another. A library is drawn from all passages of the set's language, the
strangers' included: half of the time at random, half of the time document by document, that of the question first.

The tables are of every question of `--held` sets, and of articles at odd positions elsewhere. `--fit` chooses the
weights of signals from articles at even positions by logistic regression, and the thresholds at which so many
answerable questions are refused as may be, and prints both as the calibration's TOML (ADR 0059).
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.embedding import MODEL, Model
from services.evaluation.sets import Half, Question, read_set
from services.language.detection import language_of
from services.language.lexicon import lexicon
from services.retrieval.adapters.calibrations import toml
from services.retrieval.domain.answering.evidence import signals
from services.retrieval.domain.answering.relevance_gate import RelevanceGate
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.domain.search.bm25 import passage_vector, question_vector, translated_vector
from services.retrieval.domain.search.fusion import attributed, fuse
from services.retrieval.domain.search.translated import Said, reread
from services.retrieval.values.calibration import Calibration, Calibrations, Evidence
from services.retrieval.values.chunk import Chunk, Hit, SparseVector

SIZES = (10, 100, 1_000, 10_000)
WRONG_WITHIN, WRONG_ACROSS = 0.05, 0.10
"""Of answerable questions of the half that chooses, the share that is refused."""
DEPTH = 40
"""Candidates of each leg, as of an answer that reads five passages."""
READ = 5
WITHIN = ("cosine", "lead", "words_lead", "coverage", "rare")
ACROSS = ("cosine", "lead", "agreement", "translated_lead", "translated")

Vectors = NDArray[np.float32]


class Pool:
    """All passages of one language, of which libraries are drawn, with both legs' exact results."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.texts: list[str] = []
        self._article: list[tuple[str, int]] = []
        self._articles: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._chunks: list[Chunk] = []
        self._vectors: Vectors = np.zeros((0, 0), np.float32)
        self._postings: dict[int, tuple[NDArray[np.int64], Vectors]] = {}

    def add(self, name: str, articles: Sequence[int], texts: Sequence[str]) -> int:
        """Add a set's passages; return the position of its first."""
        start = len(self.texts)
        for position, (article, text) in enumerate(zip(articles, texts, strict=True), start):
            self.texts.append(text)
            self._article.append((name, article))
            self._articles[name, article].append(position)
            self._chunks.append(Chunk(str(position), name, name, position, text, 0, 0, len(text)))
        return start

    def index(self, model: Model, centering: Centering) -> None:
        """Embed the passages and weigh their words."""
        vectors = model.embed("passage: ", self.texts)
        embedded = zip(self.texts, vectors, strict=True)
        moved = [centering.passage(MODEL, text, vector.tolist()) for text, vector in embedded]
        self._vectors = np.array(moved, np.float32)
        found: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for position, text in enumerate(self.texts):
            words = passage_vector(text)
            for term, weight in zip(words.indices, words.values, strict=True):
                found[term].append((position, weight))
        for term, pairs in found.items():
            self._postings[term] = np.array([p for p, _ in pairs]), np.array([w for _, w in pairs], np.float32)

    def draw(self, gold: int, size: int, near: bool, draw: random.Random) -> NDArray[np.int64] | None:
        """Draw a library without `gold`, with the rest of its document or without; None where too few are left."""
        own = self._articles[self._article[gold]]
        if near:
            others = [article for article in self._articles if article != self._article[gold]]
            draw.shuffle(others)
            kept = [position for position in own if position != gold]
            for article in others:
                if len(kept) >= size:
                    break
                kept += self._articles[article]
        else:
            kept = draw.sample(
                sorted(set(range(len(self.texts))).difference(own)), min(size, len(self.texts) - len(own))
            )
        return np.array(kept[:size]) if len(kept) >= size else None

    def find(self, question: str, cosines: Vectors, kept: NDArray[np.int64]) -> list[Hit]:
        """Return what the legs find in a library, fused."""
        place = np.full(len(self.texts), -1)
        place[kept] = np.arange(len(kept))
        nearest = kept[np.argsort(-cosines[kept], kind="stable")[:DEPTH]]
        vector = [Hit(self._chunks[i], float(cosines[i]), (), float(cosines[i]), MODEL) for i in nearest]
        legs = {"vector": attributed("vector", vector)}
        legs["words"] = attributed("words", self._find_words(question_vector(question), kept, place))
        if language_of(question) != self.language:
            translations = lexicon().translations(question, self.language)
            found = self._find_words(translated_vector(translations.values()), kept, place)
            said = Said(translations)
            says = [said.by(hit.chunk.text) for hit in found]
            legs["translated"] = attributed("translated", reread(found, says))
        return list(fuse(question, legs))

    def _find_words(self, words: SparseVector, kept: NDArray[np.int64], place: NDArray[np.int64]) -> list[Hit]:
        """Return the best of a library by words; `place` is where each passage stands in it."""
        scores = np.zeros(len(kept), np.float32)
        for term, wanted in zip(words.indices, words.values, strict=True):
            positions, weights = self._postings.get(term, (np.zeros(0, np.int64), np.zeros(0, np.float32)))
            there = place[positions] >= 0
            having = int(there.sum())
            rarity = np.log(1 + (len(kept) - having + 0.5) / (having + 0.5))
            scores[place[positions[there]]] += wanted * rarity * weights[there]
        best = np.argsort(-scores, kind="stable")[:DEPTH]
        return [Hit(self._chunks[kept[i]], float(scores[i])) for i in best if scores[i] > 0]

    def cosines(self, vector: Sequence[float]) -> Vectors:
        """Return the cosine of every passage to a question."""
        return self._vectors @ np.array(vector, np.float32)


@dataclass(frozen=True, slots=True)
class Asked:
    """What one question found in a library without its passage, and in the same one with it."""

    name: str
    held: bool
    pair: tuple[str, str]
    near: bool
    size: int
    question: str
    gone: list[Hit]
    there: list[Hit]


@dataclass(frozen=True, slots=True)
class Measured:
    """One set: which pool its passages are in, and its questions with their passages' positions there."""

    name: str
    pool: Pool
    questions: list[tuple[Question, int, int]]
    """A question, the position of its passage, and its article."""


def measure(measured: Measured, model: Model, centering: Centering, most: int, always_held: bool) -> Iterator[Asked]:
    """Ask at most `most` questions of libraries of every size."""
    draw = random.Random(0)
    chosen = draw.sample(measured.questions, min(most, len(measured.questions)))
    texts = [question.text for question, _, _ in chosen]
    pool = measured.pool
    for text, vector, (_, gold, article) in zip(texts, model.embed("query: ", texts), chosen, strict=True):
        cosines = pool.cosines(centering.question(MODEL, text, vector.tolist()))
        for size in sorted({min(size, len(pool.texts) - 100) for size in SIZES}):
            near = draw.random() < 0.5
            kept = pool.draw(gold, size, near, draw)
            if kept is None:
                continue
            pair = (language_of(text), pool.language)
            gone, there = pool.find(text, cosines, kept), pool.find(text, cosines, np.append(kept[:-1], gold))
            yield Asked(measured.name, always_held or article % 2 == 1, pair, near, size, text, gone, there)


def logistic(x: NDArray[np.float64], y: NDArray[np.float64], penalty: float = 1e-3) -> NDArray[np.float64]:
    """Return the weights of a logistic regression, the constant last; Newton's method on standardized columns."""
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = np.column_stack([(x - mean) / spread, np.ones(len(x))])
    ridge = np.diag([*[penalty * len(x)] * x.shape[1], 0.0])
    weights = np.zeros(z.shape[1])
    for _ in range(50):
        odds = 1 / (1 + np.exp(-z @ weights))
        gradient = z.T @ (odds - y) + ridge @ weights
        weights -= np.linalg.solve((z.T * (odds * (1 - odds))) @ z + ridge, gradient)
    scaled = weights[:-1] / spread
    return np.append(scaled, weights[-1] - scaled @ mean)


def fit(asked: Sequence[Asked], wrong: float, *, across: bool) -> Evidence:
    """Choose weights and threshold from the half that may choose, within languages or across them."""
    ones = [one for one in asked if not one.held and (one.pair[0] != one.pair[1]) == across]
    names = ACROSS if across else WITHIN
    there, gone = (
        _rows([(one.question, hits) for one, hits in found], names)
        for found in ([(one, one.there) for one in ones], [(one, one.gone) for one in ones])
    )
    x = np.concatenate([there, gone])
    weights = logistic(x, np.repeat([1.0, 0.0], [len(there), len(gone)]))[:-1]
    threshold = float(np.quantile(there @ weights, wrong))
    return Evidence({name: round(float(w), 3) for name, w in zip(names, weights, strict=True)}, round(threshold, 3))


def _rows(found: Sequence[tuple[str, Sequence[Hit]]], names: Sequence[str]) -> NDArray[np.float64]:
    known = [_signals(question, hits) for question, hits in found]
    return np.array([[one[name] for name in names] for one in known if one is not None])


def _signals(question: str, hits: Sequence[Hit]) -> Mapping[str, float] | None:
    asked, told = language_of(question), language_of(hits[0].chunk.text)
    if asked == told:
        return signals(question, hits[0], hits, across=False)
    translations = lexicon().translations(question, told)
    return signals(question, hits[0], hits, across=True, translations=translations)


def print_table(asked: Sequence[Asked], gate: RelevanceGate) -> None:
    """Print the shares of held questions that are refused, one line a set, kind of library and size."""
    print(f"\n{'set':12} {'pair':8} {'gone':12} {'size':>6} {'questions':>9} {'refused: gone':>14} {'there':>7}")
    groups: dict[tuple[str, tuple[str, str], bool, int], list[Asked]] = defaultdict(list)
    for one in asked:
        if one.held:
            groups[one.name, one.pair, one.near, one.size].append(one)
    for (name, pair, near, size), ones in sorted(groups.items()):
        gone, there = (
            np.mean([not gate.passes(one.question, hits[:READ], hits) for one, hits in found])
            for found in ([(one, one.gone) for one in ones], [(one, one.there) for one in ones])
        )
        kind = "passage" if near else "document"
        print(f"{name:12} {'→'.join(pair):8} {kind:12} {size:6} {len(ones):9} {gone:14.3f} {there:7.3f}")


def print_evidence(calibration: Calibration) -> None:
    """Print the chosen weights and thresholds as the calibration's TOML."""
    for name, evidence in (("within", calibration.within), ("translated", calibration.translated)):
        if evidence is not None:
            print(f"\n[evidence.{name}]")
            print("\n".join(f"{signal} = {weight}" for signal, weight in evidence.weights.items()))
            print(f"threshold = {evidence.threshold}")


def read(arguments: argparse.Namespace) -> tuple[list[Measured], list[Pool]]:
    """Read the sets, and put their passages into the pool of their language."""
    pools: dict[str, Pool] = {}
    measured: list[Measured] = []
    starts: dict[Path, int] = {}

    def add(path: Path, name: str) -> tuple[Pool, int, Sequence[int]]:
        found = read_set(path)
        language = language_of(found.passages[0])
        pool = pools.setdefault(language, Pool(language))
        if path not in starts:
            starts[path] = pool.add(name, found.articles, found.passages)
        return pool, starts[path], found.articles

    for given in arguments.set:
        path, _, other = given.partition(",")
        name = Path(path).stem
        pool, start, articles = add(Path(path), name)
        asked = read_set(Path(path), Half.ALL, Path(other) if other else None).questions
        single = [(question, next(iter(question.relevant))) for question in asked if len(question.relevant) == 1]
        measured.append(Measured(name, pool, [(one, start + at, articles[at]) for one, at in single]))
    for path in arguments.strangers:
        add(path, path.stem)
    return measured, list(pools.values())


def main() -> int:
    """Run the bench."""
    models = Path(os.environ.get("TIKU_MODELS_DIR", "~/.cache/tiku/models")).expanduser()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", required=True, metavar="SET[,QUESTIONS]")
    parser.add_argument("--held", action="append", default=[], metavar="NAME", help="a set of which nothing chooses")
    parser.add_argument("--strangers", action="append", default=[], type=Path, metavar="SET")
    parser.add_argument("--questions", type=int, default=400, help="most questions of a set")
    parser.add_argument("--fit", action="store_true", help="choose weights and thresholds anew, and print them")
    parser.add_argument("--model", type=Path, default=models / MODEL, help="folder of the embedding model")
    parser.add_argument("--cache", type=Path, help="file that keeps the embeddings for the next run (.npz)")
    arguments = parser.parse_args()
    known = toml.load()
    centering = Centering(known)
    with Model(arguments.model, arguments.cache) as model:
        measured, pools = read(arguments)
        for pool in pools:
            pool.index(model, centering)
            print(f"{pool.language}: {len(pool.texts)} passages")
        asked = [
            found
            for one in measured
            for found in measure(one, model, centering, arguments.questions, one.name in arguments.held)
        ]
    calibration = known.of(MODEL)
    assert calibration is not None
    if arguments.fit:
        if any(one.pair[0] == one.pair[1] for one in asked):
            calibration = replace(calibration, within=fit(asked, WRONG_WITHIN, across=False))
        if any(one.pair[0] != one.pair[1] for one in asked):
            calibration = replace(calibration, translated=fit(asked, WRONG_ACROSS, across=True))
        print_evidence(calibration)
    print_table(asked, RelevanceGate(Calibrations({MODEL: calibration}), None, lexicon))
    return 0


if __name__ == "__main__":
    sys.exit(main())
