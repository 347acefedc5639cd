"""One list of hits from the lists of several legs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import starmap
from typing import overload

from services.language.detection import language_of
from services.retrieval.values.chunk import Chunk, Hit, LegHit

_WEIGHTS = {"words": 0.3, "graph": 0.2, "outside": 0.3}
"""What the best hit of a leg adds to a cosine; a leg's kind stands before a colon.

Passages of outside knowledge bases are in no index of words here, so their own score stands for it.
"""
_OTHER_WEIGHT = 0.1
"""The same of a leg that is not named above."""
_WITHIN_A_LANGUAGE = frozenset({"words"})
"""Legs that add nothing to passages in another language than the question's."""


def attributed(leg: str, hits: Sequence[Hit]) -> list[Hit]:
    """Return what one leg found, best first, each hit with the leg, its rank and its score."""
    return [replace(hit, legs=(LegHit(leg, rank, hit.score),)) for rank, hit in enumerate(hits, start=1)]


class Fused(Sequence[Hit]):
    """Hits of which each is made when somebody looks at it: few of those that the legs found are ever shown."""

    def __init__(self, scored: Sequence[tuple[float, _Found]]) -> None:
        self._scored = scored

    def __len__(self) -> int:
        return len(self._scored)

    @overload
    def __getitem__(self, index: int) -> Hit: ...

    @overload
    def __getitem__(self, index: slice) -> list[Hit]: ...

    def __getitem__(self, index: int | slice) -> Hit | list[Hit]:
        if isinstance(index, slice):
            return [one.hit(score) for score, one in self._scored[index]]
        score, one = self._scored[index]
        return one.hit(score)


def fuse(question: str, rankings: Mapping[str, Sequence[Hit]]) -> Fused:
    """Fuse one ranking a leg into one list of hits, best first (ADR 0047).

    Among passages of one language the order is that of the cosine plus what the other legs add: a leg's score as a
    share of its best one there, times the leg's weight. The passages in that order then take the cosines of their
    language from the highest to the lowest, and by these the languages are merged: words decide which passage of a
    language comes first, and never that a language comes first. Without any cosine, what the legs add decides alone.

    Equal scores are ordered by the best rank, then by chunk id: which leg answered first must not matter.
    """
    others = [leg for leg, hits in rankings.items() if any(hit.score != hit.similarity for hit in hits)]
    found = _merged(rankings)
    known = [one.cosine for one in found if one.cosine is not None]
    if not known:
        return Fused(_ordered(found, others, 0.0))
    # One that the dense leg did not find is no nearer than the farthest that it did.
    least, asked = min(known), language_of(question)
    by_language: dict[str, list[_Found]] = defaultdict(list)
    for one in found:
        by_language[language_of(one.chunk.text)].append(one)
    fused: list[tuple[float, _Found]] = []
    for language, its in by_language.items():
        telling = others if language == asked else [leg for leg in others if leg not in _WITHIN_A_LANGUAGE]
        cosines = sorted((least if one.cosine is None else one.cosine for one in its), reverse=True)
        fused += zip(cosines, (one for _, one in _ordered(its, telling, least)), strict=True)
    fused.sort(key=lambda scored: -scored[0])
    return Fused(fused)


@dataclass(slots=True)
class _Found:
    """A chunk with the legs that found it, and the cosine and the model of the one that knows them."""

    chunk: Chunk
    rank: int
    """Its best one."""
    legs: list[tuple[str, int, float]] = field(default_factory=list)
    """What a `LegHit` holds: only of the chunks that are given back one is made."""
    cosine: float | None = None
    model: str = ""

    def hit(self, score: float) -> Hit:
        return Hit(self.chunk, score, tuple(starmap(LegHit, self.legs)), self.cosine, self.model)


def _merged(rankings: Mapping[str, Sequence[Hit]]) -> list[_Found]:
    """Return each chunk once."""
    merged: dict[str, _Found] = {}
    for leg in sorted(rankings):
        for rank, hit in enumerate(rankings[leg], start=1):
            one = merged.get(hit.chunk.chunk_id)
            if one is None:
                one = merged[hit.chunk.chunk_id] = _Found(hit.chunk, rank)
            elif rank < one.rank:
                one.rank = rank
            one.legs.append((leg, rank, hit.score))
            if one.cosine is None and hit.similarity is not None:
                one.cosine, one.model = hit.similarity, hit.embedding_model
    return list(merged.values())


def _ordered(found: Sequence[_Found], legs: Sequence[str], least: float) -> list[tuple[float, _Found]]:
    """Return chunks by their cosine, at least `least`, plus what `legs` add, the highest first."""
    best = dict.fromkeys(legs, 0.0)
    for one in found:
        for leg, _, score in one.legs:
            if leg in best and score > best[leg]:
                best[leg] = score
    shares = {leg: _weight(leg) / highest for leg, highest in best.items() if highest > 0}
    scored = []
    for one in found:
        total = least if one.cosine is None else one.cosine
        for leg, _, score in one.legs:
            if leg in shares:
                total += shares[leg] * score
        scored.append((total, one))
    scored.sort(key=lambda pair: (-pair[0], pair[1].rank, pair[1].chunk.chunk_id))
    return scored


def _weight(leg: str) -> float:
    return _WEIGHTS.get(leg.partition(":")[0], _OTHER_WEIGHT)
