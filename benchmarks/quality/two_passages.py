"""Whether the graph leg finds what vectors and words do not: `python -m benchmarks.quality.two_passages`.

The questions are ours (`sets/two_passages.tsv`), the passages those of XQuAD and the demo, in one library a language.
What counts is that both passages of a question are among the first k. Odd questions of a kind chose the weight of the
leg, even ones are held out. Legs are fused by reciprocal rank.

    python -m benchmarks.quality.two_passages [--data FOLDER] [--model FOLDER] [--cache FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from benchmarks.quality import xquad
from benchmarks.quality.embedding import MODEL, Model
from services.docs.adapters.parsers.worker import parse
from services.docs.domain.indexing.chunking import chunk
from services.docs.domain.upload.sniffing import PDF, PPTX
from services.language.detection import LANGUAGES
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.domain.graph.leg import GraphRetriever
from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.domain.search.bm25 import passage_vector
from services.retrieval.domain.search.words import WordsRetriever
from services.retrieval.ports import GraphStore
from services.retrieval.values.chunk import EVERYWHERE, Chunk, EmbeddedChunk, LegQuery
from services.retrieval.values.graph import ChunkPlace, Contribution, Link, NamedEntity, Occurrence, entity_id

QUESTIONS = Path(__file__).parent / "sets" / "two_passages.tsv"
DEMO = {
    "en": ("photosynthesis", "photosynthesis.pdf", PDF),
    "zh": ("water-cycle", "water-cycle.pptx", PPTX),
}
DOCUMENTS = Path(__file__).parents[2] / "services" / "demo" / "documents"
HALVES = ("chosen", "held")
KINDS = ("told", "bridge")
DEPTHS = (5, 10)
WEIGHTS = (0.2, 0.5, 1.0)
OWNER = "bench"
_RRF_K = 60
_CANDIDATES = 40

Ranking = Sequence[int]


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its kind and half, and the two passages that it needs, by their places in the library."""

    text: str
    kind: str
    half: str
    passages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Library:
    """Passages of one language, the document of each, and the questions about them."""

    texts: list[str]
    documents: list[str]
    questions: list[Question]


def load(language: str, folder: Path) -> Library:
    """Read the passages and questions of a language."""
    corpus = xquad.load(language, folder)
    name, file, media_type = DEMO[language]
    parsed = parse(DOCUMENTS / file, media_type)
    demo = [parsed.text[piece.start : piece.end] for piece in chunk(parsed)]
    texts = [*corpus.paragraphs, *demo]
    documents = [*map(str, corpus.articles), *[name] * len(demo)]
    places: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for place, document in enumerate(documents):
        places[f"{document}.{counts[document]}"] = place
        counts[document] += 1
    questions = []
    seen: Counter[str] = Counter()
    for line in QUESTIONS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        kind, needed, *by_language = line.split("\t")
        half = HALVES[seen[kind] % 2]
        seen[kind] += 1
        text = dict(zip(("en", "zh"), by_language, strict=False)).get(language)
        if text:
            questions.append(Question(text, kind, half, tuple(places[place] for place in needed.split())))
    return Library(texts, documents, questions)


class Graph:
    """What the graph leg asks a store for, from mentions in memory; `FakeGraphStore` reads all of them at each call."""

    def __init__(self, contributions: Iterable[Contribution]) -> None:
        self._links: list[Link] = []
        self._by_entity: defaultdict[str, Counter[ChunkPlace]] = defaultdict(Counter)
        self._by_chunk: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._places: dict[str, ChunkPlace] = {}
        for contribution in contributions:
            self._places |= {place.chunk_id: place for place in contribution.chunks}
            for mention in {(one.key, one.quote): one for one in contribution.mentions}.values():
                id_ = entity_id(OWNER, mention.key)
                self._by_entity[id_][self._places[mention.quote.chunk_id]] += 1
                self._by_chunk[mention.quote.chunk_id][id_] += 1
            for alias in contribution.aliases:
                first, second = alias.first.key, alias.second.key
                ends = entity_id(OWNER, first), entity_id(OWNER, second)
                self._links.append(Link(*ends, first, second, sources=(alias.quote,)))

    async def entities(self, _: str, entity_ids: Sequence[str], __: int) -> list[NamedEntity]:
        """Return the entities that are there."""
        return [NamedEntity(id_, "", (), (), ()) for id_ in entity_ids if id_ in self._by_entity]

    async def links(self, _: str, entity_ids: Sequence[str]) -> list[Link]:
        """Return the links of entities."""
        wanted = set(entity_ids)
        return [link for link in self._links if {link.first_entity_id, link.second_entity_id} & wanted]

    async def occurrences(self, _: str, entity_ids: Sequence[str], __: object, limit: int) -> list[Occurrence]:
        """Return where entities are."""
        return [
            Occurrence(id_, place, count)
            for id_ in entity_ids
            for place, count in self._by_entity.get(id_, Counter[ChunkPlace]()).most_common(limit)
        ]

    async def entities_of(self, _: str, chunk_ids: Sequence[str], limit: int) -> list[Occurrence]:
        """Return which entities chunks hold."""
        return [
            Occurrence(id_, self._places[chunk_id], count)
            for chunk_id in chunk_ids
            for id_, count in self._by_chunk[chunk_id].most_common(limit)
        ]


def fuse(rankings: Iterable[tuple[Ranking, float]]) -> Ranking:
    """Fuse rankings by weighted reciprocal rank."""
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking, weight in rankings:
        for rank, place in enumerate(ranking[:_CANDIDATES], start=1):
            scores[place] += weight / (_RRF_K + rank)
    return sorted(scores, key=lambda place: -scores[place])


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what each leg ranks."""

    question: Question
    legs: Mapping[str, Ranking]

    def finds(self, weights: Mapping[str, float], depth: int) -> bool:
        """Return whether both passages are among the first `depth` of the legs fused."""
        first = fuse((self.legs[leg], weight) for leg, weight in weights.items())[:depth]
        return set(self.question.passages) <= set(first)


async def ask(library: Library, model: Model) -> list[Asked]:
    """Ask every leg every question."""
    chunks = [
        Chunk(str(place), document, document, place, text, 0, 0, len(text))
        for place, (text, document) in enumerate(zip(library.texts, library.documents, strict=True))
    ]
    vectors = model.embed("passage: ", library.texts)
    store = FakeVectorStore()
    embedded = [
        EmbeddedChunk(one, vector.tolist(), passage_vector(one.text))
        for one, vector in zip(chunks, vectors, strict=True)
    ]
    await store.upsert(MODEL, OWNER, embedded)
    by_document: defaultdict[str, list[Chunk]] = defaultdict(list)
    for one in chunks:
        by_document[one.document_id].append(one)
    for language in LANGUAGES:
        language.key_terms.warm()
    began = time.process_time()
    graph = Graph([find_mentions(of_one) for of_one in by_document.values()])
    print(f"{len(chunks) / (time.process_time() - began):.0f} chunks a second of a core were read for the graph")
    legs = (WordsRetriever(store), GraphRetriever(cast(GraphStore, graph), store))
    matrix = np.stack(vectors)
    questions = model.embed("query: ", [question.text for question in library.questions])
    asked = []
    for question, vector in zip(library.questions, questions, strict=True):
        query = LegQuery(question.text, OWNER, EVERYWHERE, _CANDIDATES)
        ranked = {leg.name: [hit.chunk.ordinal for hit in await leg.find(query)] for leg in legs}
        dense = list(map(int, np.argsort(-(matrix @ vector), kind="stable")))
        asked.append(Asked(question, {**ranked, "vector": dense}))
    return asked


def report(language: str, asked: Sequence[Asked]) -> None:
    """Print the share of questions whose two passages are both found."""
    fused = {"vector": 1.0, "words": 1.0}
    rows: dict[str, Mapping[str, float]] = {
        "vector": {"vector": 1.0},
        "words": {"words": 1.0},
        "graph": {"graph": 1.0},
        "vector + words": fused,
        **{f"vector + words + {weight} graph": {**fused, "graph": weight} for weight in WEIGHTS},
    }
    for half, kind in itertools.product(HALVES, (*KINDS, "told or bridge")):
        chosen = [one for one in asked if one.question.half == half and one.question.kind in kind]
        print(f"\n{language}, {half}, {kind}: {len(chosen)} questions")
        for label, weights in rows.items():
            shares = (np.mean([one.finds(weights, depth) for one in chosen]) for depth in DEPTHS)
            figures = "  ".join(f"@{depth} {share:.3f}" for depth, share in zip(DEPTHS, shares, strict=True))
            print(f"  {label:30} {figures}")


def main() -> int:
    """Run the bench; 0 also when it is skipped for want of data or model, with a line that says so."""
    models = Path(os.environ.get("TIKU_MODELS_DIR", "~/.cache/tiku/models")).expanduser()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    with Model(arguments.model, arguments.cache) as model:
        for language in xquad.LANGUAGES:
            report(language, asyncio.run(ask(load(language, arguments.data), model)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
