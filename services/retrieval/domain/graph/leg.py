"""The graph leg: from the names in a question to passages, by personalized PageRank over names and passages.

After Zhuang et al., "LinearRAG: Linear Graph Retrieval Augmented Generation on Large-scale Corpora", ICLR 2026, and
Gutiérrez et al., "From RAG to Memory" (HippoRAG 2), ICML 2025: no model reads the question or the passages.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar, NamedTuple

from services.kit.concurrency import map_in_turns
from services.language.names import name_key
from services.language.scripts import HAN_RUN
from services.retrieval.domain.graph.pagerank import personalized_pagerank
from services.retrieval.domain.graph.resolution import resolve
from services.retrieval.ports import GraphStore, VectorStore
from services.retrieval.values.chunk import Hit, LegQuery
from services.retrieval.values.graph import Occurrence, entity_id

_MOST_CHARACTERS = 400
"""Characters of a question in which names are looked for."""
_LONGEST_RUN, _MOST_WORDS = 12, 6
"""Characters of a name without spaces, and words of one with."""
_SPELLED = re.compile(r"[^\W\d_][\w’'+#-]*|\d+(?:\.\d+)*")
_CHUNKS_A_NAME = 32
"""Passages of a name that are followed; to a name that is mentioned more often than this, no other name leads."""
_SENTENCES_A_NAME = 256
"""Sentences of a name of the question that are looked at: one that stands in thousands tells little."""
_FIRST_CHUNKS = 16
"""Passages that hold names of the question, the best of these, whose other names are followed."""
_NAMES_A_CHUNK = 24
_MOST_NAMES = 64
"""Names that are followed from there: each costs the engine a third of a millisecond."""
_DAMPING = 0.5


class _Candidate(NamedTuple):
    """A part of a question, [start, end), that may be a name."""

    start: int
    end: int
    key: str


@dataclass(frozen=True, slots=True)
class GraphRetriever:
    """Finds passages that hold the names of a question, and those that other names of these passages lead to."""

    name: ClassVar = "graph"
    _graph: GraphStore
    _chunks: VectorStore

    async def find(self, query: LegQuery) -> list[Hit]:
        """Return passages, best first; `score` is the share of a walk that starts at the question's names."""
        names = await self.names(query.owner, query.text)
        if not names:
            return []
        within = query.where.document_ids
        first = await self._graph.occurrences(query.owner, names, within, _CHUNKS_A_NAME, sentences=_SENTENCES_A_NAME)
        nearest = [chunk_id for chunk_id, _ in rank_chunks(first, names)[:_FIRST_CHUNKS]]
        beside = await self._graph.entities_of(query.owner, nearest, _NAMES_A_CHUNK)
        others = [id_ for id_ in _in_turn(beside) if id_ not in names][:_MOST_NAMES]
        second = await self._graph.occurrences(
            query.owner, others, within, _CHUNKS_A_NAME, sentences=_CHUNKS_A_NAME, common=False
        )
        ranked = rank_chunks([*first, *second], names)[: query.limit]
        read = await self._chunks.get(query.owner, [chunk_id for chunk_id, _ in ranked])
        chunks = {chunk.chunk_id: chunk for chunk in read if query.where.admits(chunk)}
        hits = [Hit(chunks[chunk_id], score) for chunk_id, score in ranked if chunk_id in chunks]
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk.document_id, hit.chunk.ordinal))

    async def names(self, owner: str, text: str) -> list[str]:
        """Return the ids of the entities that a question names, and of what is one with them.

        An ambiguous name stands for itself alone. A name within a longer one that is known is none of the question's.
        """
        candidates = await candidate_names(text)
        ids = {one.key: entity_id(owner, one.key) for one in candidates}
        known = await self._graph.known(owner, list(ids.values()))
        found = [ids[one.key] for one in _longest(one for one in candidates if ids[one.key] in known)]
        if not found:
            return []
        resolution = resolve(await self._graph.links(owner, found))
        return list(dict.fromkeys(id_ for one in found for id_ in sorted(resolution.members(one))))


async def candidate_names(text: str) -> list[_Candidate]:
    """Return the parts of a question that may be names, each with its key."""
    text = text[:_MOST_CHARACTERS]
    keys = await map_in_turns(lambda part: _Candidate(*part, name_key(text[slice(*part)])), _parts(text))
    return [one for one in keys if len(one.key) > 1]


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Yield runs of words, and runs of ideographs that are no longer than names."""
    words = [match.span() for match in _SPELLED.finditer(text) if not HAN_RUN.search(match[0])]
    for first in range(len(words)):
        for last in range(first, min(len(words), first + _MOST_WORDS)):
            yield words[first][0], words[last][1]
    for run in HAN_RUN.finditer(text):
        for start in range(*run.span()):
            for end in range(start + 2, min(run.end(), start + _LONGEST_RUN) + 1):
                yield start, end


def _longest(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """Return the candidates that lie within no other, in the question's order."""
    kept: list[_Candidate] = []
    for one in sorted(candidates, key=lambda one: (one.start - one.end, one.start)):
        if not any(other.start <= one.start and one.end <= other.end for other in kept):
            kept.append(one)
    return sorted(kept)


def _in_turn(beside: Iterable[Occurrence]) -> list[str]:
    """Return the names of passages: first the most mentioned of each passage, then the second of each, and so on."""
    by_chunk: defaultdict[str, list[str]] = defaultdict(list)
    for found in beside:
        by_chunk[found.chunk_id].append(found.entity_id)
    return list(dict.fromkeys(id_ for turn in zip_longest(*by_chunk.values()) for id_ in turn if id_ is not None))


def rank_chunks(occurrences: Sequence[Occurrence], names: Sequence[str]) -> list[tuple[str, float]]:
    """Return the ids of the passages near some names, best first, by where names occur.

    A name weighs by how few passages hold it, both as a beginning and as a way.
    """
    chunks: defaultdict[str, dict[str, Occurrence]] = defaultdict(dict)
    for found in occurrences:
        chunks[found.entity_id][found.chunk_id] = found
    rarity = {id_: 1 / (1 + math.log(len(by_chunk))) for id_, by_chunk in chunks.items()}
    edges: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for id_, by_chunk in chunks.items():
        for chunk_id, occurrence in by_chunk.items():
            weight = rarity[id_] * (1 + math.log(occurrence.sentence_count))
            edges[id_][chunk_id] = edges[chunk_id][id_] = weight
    seeds: Mapping[str, float] = {id_: rarity[id_] ** 2 for id_ in names if id_ in rarity}
    rank = personalized_pagerank(edges, seeds, damping=_DAMPING)
    ids = {found.chunk_id for found in occurrences}
    return sorted(((node, score) for node, score in rank.items() if node in ids), key=lambda one: (-one[1], one[0]))
