"""One list of hits from the lists of several legs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import starmap
from statistics import fmean
from typing import overload

from services.language.detection import language_of
from services.retrieval.values.chunk import Chunk, Hit, LegHit


@dataclass(frozen=True, slots=True)
class LegWeight:
    """What the best hit of a leg adds to a cosine: `within` the question's language, and `across` to another one.

    To that comes what one adds that stands alone, by the cube of its lead over those that follow. So a question whose
    words stand in many passages is left to the cosines (ADR 0058).
    """

    within: float
    across: float
    alone_within: float = 0.0
    alone_across: float = 0.0


WEIGHTS: Mapping[str, LegWeight] = {
    "words": LegWeight(0.05, 0.0, alone_within=1.0, alone_across=0.05),
    "translated": LegWeight(0.0, 0.15),
    "graph": LegWeight(0.05, 0.05),
    # They are in no index of words here, so their own score stands for it.
    "outside": LegWeight(0.3, 0.3),
}
"""The weights of legs by kind, which stands before a colon in a leg's name."""
_OTHER_WEIGHT = LegWeight(0.1, 0.1)
"""That of a leg that is not named above."""
_FOLLOWERS = slice(5, 40)
"""Ranks of a leg that its best hit is compared with: those before may tell of the same thing."""


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

    def texts(self, count: int) -> list[str]:
        """Return the texts of the first ones."""
        return [one.chunk.text for _, one in self._scored[:count]]


def fuse(question: str, rankings: Mapping[str, Sequence[Hit]], weights: Mapping[str, LegWeight] = WEIGHTS) -> Fused:
    """Fuse one ranking a leg into one list of hits, best first (ADR 0047 and 0058).

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
        return Fused(_ordered(found, _shares(found, others, weights, within=True), 0.0))
    # One that the dense leg did not find is no nearer than the farthest that it did.
    least, asked = min(known), language_of(question)
    by_language: dict[str, list[_Found]] = defaultdict(list)
    for one in found:
        by_language[language_of(one.chunk.text)].append(one)
    fused: list[tuple[float, _Found]] = []
    for language, its in by_language.items():
        cosines = sorted((least if one.cosine is None else one.cosine for one in its), reverse=True)
        ordered = _ordered(its, _shares(its, others, weights, within=language == asked), least)
        fused += zip(cosines, (one for _, one in ordered), strict=True)
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


def _shares(
    found: Sequence[_Found], legs: Sequence[str], weights: Mapping[str, LegWeight], *, within: bool
) -> Mapping[str, float]:
    """Return by what a leg's scores are multiplied, so that its best one adds the weight of the leg's kind."""
    scores: dict[str, list[float]] = {leg: [] for leg in legs}
    for one in found:
        for leg, _, score in one.legs:
            if leg in scores:
                scores[leg].append(score)
    shares: dict[str, float] = {}
    for leg, its in scores.items():
        its.sort(reverse=True)
        if its and its[0] > 0:
            kind = weights.get(leg.partition(":")[0], _OTHER_WEIGHT)
            always, alone = (kind.within, kind.alone_within) if within else (kind.across, kind.alone_across)
            shares[leg] = (always + alone * _lead(its) ** 3) / its[0]
    return shares


def _lead(scores: Sequence[float]) -> float:
    """Return how far the first of scores is ahead of those that follow, as a share of it, from 0 to 1."""
    followers = scores[_FOLLOWERS] or scores[1:]
    return 1 - fmean(followers) / scores[0] if followers else 1.0


def _ordered(found: Sequence[_Found], shares: Mapping[str, float], least: float) -> list[tuple[float, _Found]]:
    """Return chunks by their cosine, at least `least`, plus what other legs add, the highest first."""
    scored = []
    for one in found:
        total = least if one.cosine is None else one.cosine
        for leg, _, score in one.legs:
            if leg in shares:
                total += shares[leg] * score
        scored.append((total, one))
    scored.sort(key=lambda pair: (-pair[0], pair[1].rank, pair[1].chunk.chunk_id))
    return scored
