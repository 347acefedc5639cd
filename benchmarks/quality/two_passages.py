"""Whether the graph leg finds what vectors and words do not: `python -m benchmarks.quality.two_passages`.

The questions are ours (`sets/two_passages.tsv`), the passages those of XQuAD and the demo, in one library a language.
What counts is that both passages of a question are among the first k. Odd questions of a kind chose the weight of the
leg, even ones are held out. Legs and their fusion are the product's; only the stores are in memory.

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
from services.docs.domain.upload.media_types import PDF, PPTX
from services.language.detection import LANGUAGES
from services.retrieval.adapters.calibrations import toml
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.adapters.workers.fake import FakeWordReader
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.graph.leg import GraphRetriever
from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.domain.search.dense import DenseRetriever
from services.retrieval.domain.search.fusion import WEIGHTS, LegWeight, fuse
from services.retrieval.domain.search.words import WordsRetriever
from services.retrieval.ports import GraphStore
from services.retrieval.values.chunk import EVERYWHERE, Chunk, EmbeddedChunk, Hit, LegQuery
from services.retrieval.values.graph import Contribution, Link, Occurrence, entity_id

QUESTIONS = Path(__file__).parent / "sets" / "two_passages.tsv"
DEMO = {
    "en": ("photosynthesis", "photosynthesis.pdf", PDF),
    "zh": ("water-cycle", "water-cycle.pptx", PPTX),
}
DOCUMENTS = Path(__file__).parents[2] / "services" / "demo" / "documents"
HALVES = ("chosen", "held")
KINDS = ("told", "bridge")
DEPTHS = (5, 10)
GRAPH_WEIGHTS = (0.05, 0.1, 0.2, 0.3)
"""What the best hit of the graph adds to a cosine; one of the words that stands alone adds 1.05."""
OWNER = "bench"
_CANDIDATES = 40


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
        self._by_entity: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._by_chunk: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for contribution in contributions:
            for mention in {(one.key, one.quote): one for one in contribution.mentions}.values():
                id_ = entity_id(OWNER, mention.key)
                self._by_entity[id_][mention.quote.chunk_id] += 1
                self._by_chunk[mention.quote.chunk_id][id_] += 1
            for alias in contribution.aliases:
                first, second = alias.first.key, alias.second.key
                ends = entity_id(OWNER, first), entity_id(OWNER, second)
                self._links.append(Link(*ends, first, second, sources=(alias.quote,)))

    async def known(self, _: str, entity_ids: Sequence[str]) -> set[str]:
        """Return the entities that are there."""
        return {id_ for id_ in entity_ids if id_ in self._by_entity}

    async def links(self, _: str, entity_ids: Sequence[str]) -> list[Link]:
        """Return the links of entities."""
        wanted = set(entity_ids)
        return [link for link in self._links if {link.first_entity_id, link.second_entity_id} & wanted]

    async def occurrences(
        self, _: str, entity_ids: Sequence[str], __: object, limit: int, *, sentences: int, common: bool = True
    ) -> list[Occurrence]:
        """Return where entities are."""
        found = {id_: self._by_entity.get(id_, Counter[str]()) for id_ in entity_ids}
        return [
            Occurrence(id_, chunk_id, count)
            for id_, counts in found.items()
            if common or counts.total() <= sentences
            for chunk_id, count in counts.most_common(limit)
        ]

    async def entities_of(self, _: str, chunk_ids: Sequence[str], limit: int) -> list[Occurrence]:
        """Return which entities chunks hold."""
        return [
            Occurrence(id_, chunk_id, count)
            for chunk_id in chunk_ids
            for id_, count in self._by_chunk[chunk_id].most_common(limit)
        ]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what each leg finds."""

    question: Question
    legs: Mapping[str, Sequence[Hit]]

    def finds(self, legs: Sequence[str], graph_weight: float, depth: int) -> bool:
        """Return whether both passages are among the first `depth` of the legs fused."""
        rankings = {leg: self.legs[leg] for leg in legs}
        first = fuse(self.question.text, rankings, {**WEIGHTS, "graph": LegWeight(graph_weight, 0.0)})[:depth]
        return set(self.question.passages) <= {hit.chunk.ordinal for hit in first}


async def ask(library: Library, model: Model) -> list[Asked]:
    """Ask every leg every question."""
    chunks = [
        Chunk(str(place), document, document, place, text, 0, 0, len(text))
        for place, (text, document) in enumerate(zip(library.texts, library.documents, strict=True))
    ]
    vectors = model.embed("passage: ", library.texts)
    store, centering = FakeVectorStore(), Centering(toml.load())
    embedded = [EmbeddedChunk(one, vector.tolist()) for one, vector in zip(chunks, vectors, strict=True)]
    await ChunkIndexer(store, centering, FakeWordReader()).index(MODEL, OWNER, embedded)
    by_document: defaultdict[str, list[Chunk]] = defaultdict(list)
    for one in chunks:
        by_document[one.document_id].append(one)
    for language in LANGUAGES:
        language.key_terms.warm()
    began = time.process_time()
    graph = Graph([find_mentions(of_one) for of_one in by_document.values()])
    print(f"{len(chunks) / (time.process_time() - began):.0f} chunks a second of a core were read for the graph")
    legs = (
        DenseRetriever(model, store, centering),
        WordsRetriever(store),
        GraphRetriever(cast(GraphStore, graph), store),
    )
    model.embed("query: ", [question.text for question in library.questions])
    asked = []
    for question in library.questions:
        query = LegQuery(question.text, OWNER, EVERYWHERE, _CANDIDATES)
        asked.append(Asked(question, {leg.name: await leg.find(query) for leg in legs}))
    return asked


def report(language: str, asked: Sequence[Asked]) -> None:
    """Print the share of questions whose two passages are both found."""
    fused = ("vector", "words")
    rows: dict[str, tuple[Sequence[str], float]] = {
        "vector": (("vector",), 0.0),
        "words": (("words",), 0.0),
        "graph": (("graph",), 1.0),
        "vector + words": (fused, 0.0),
        **{f"vector + words + {weight} graph": ((*fused, "graph"), weight) for weight in GRAPH_WEIGHTS},
    }
    for half, kind in itertools.product(HALVES, (*KINDS, "told or bridge")):
        chosen = [one for one in asked if one.question.half == half and one.question.kind in kind]
        print(f"\n{language}, {half}, {kind}: {len(chosen)} questions")
        for label, (legs, graph_weight) in rows.items():
            shares = (np.mean([one.finds(legs, graph_weight, depth) for one in chosen]) for depth in DEPTHS)
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
