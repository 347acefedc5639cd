"""One list of hits from the lists of several legs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.language.detection import language_of
from services.retrieval.values.chunk import Hit, LegHit

_WEIGHTS = {"words": 0.3}
"""What the best hit of a leg adds to a cosine."""
_OTHER_WEIGHT = 0.1
"""The same of a leg that is not named above."""
_WITHIN_A_LANGUAGE = frozenset({"words"})
"""Legs that add nothing to passages in another language than the question's."""


def attributed(leg: str, hits: Sequence[Hit]) -> list[Hit]:
    """Return what one leg found, best first, each hit with the leg, its rank and its score."""
    return [replace(hit, legs=(LegHit(leg, rank, hit.score),)) for rank, hit in enumerate(hits, start=1)]


def fuse(question: str, rankings: Mapping[str, Sequence[Hit]], limit: int) -> list[Hit]:
    """Fuse one ranking a leg into at most `limit` hits, best first (ADR 0047).

    Among passages of one language the order is that of the cosine plus what the other legs add: a leg's score as a
    share of its best one there, times the leg's weight. The passages in that order then take the cosines of their
    language from the highest to the lowest, and by these the languages are merged: words decide which passage of a
    language comes first, and never that a language comes first. Without any cosine, what the legs add decides alone.

    Equal scores are ordered by the best rank, then by chunk id: which leg answered first must not matter.
    """
    found = _merged(rankings)
    cosines = [hit.similarity for hit in found if hit.similarity is not None]
    least = min(cosines, default=0.0)
    others = [leg for leg, hits in rankings.items() if all(hit.similarity is None for hit in hits)]
    if not cosines:
        return _best(_scored(found, others, 0.0), limit)
    asked = language_of(question)
    by_language: dict[str, list[Hit]] = defaultdict(list)
    for hit in found:
        by_language[language_of(hit.chunk.text)].append(hit)
    fused: list[Hit] = []
    for language, hits in by_language.items():
        telling = others if language == asked else [leg for leg in others if leg not in _WITHIN_A_LANGUAGE]
        ordered = _best(_scored(hits, telling, least), len(hits))
        held = sorted((_cosine(hit, least) for hit in hits), reverse=True)
        fused += [replace(hit, score=cosine) for hit, cosine in zip(ordered, held, strict=True)]
    return sorted(fused, key=lambda hit: -hit.score)[:limit]


def _merged(rankings: Mapping[str, Sequence[Hit]]) -> list[Hit]:
    """Return each chunk once, with the legs that found it and the cosine that one of them knows."""
    merged: dict[str, Hit] = {}
    for leg in sorted(rankings):
        for hit in attributed(leg, rankings[leg]):
            known = merged.get(hit.chunk.chunk_id)
            if known is None:
                merged[hit.chunk.chunk_id] = hit
                continue
            better = hit if known.similarity is None else known
            merged[hit.chunk.chunk_id] = replace(better, legs=(*known.legs, *hit.legs))
    return list(merged.values())


def _scored(hits: Sequence[Hit], legs: Sequence[str], least: float) -> list[Hit]:
    """Return hits with their cosine plus what `legs` add."""
    best = {leg: max((its.score for hit in hits for its in hit.legs if its.leg == leg), default=0.0) for leg in legs}

    def added(hit: Hit) -> float:
        return sum(
            _WEIGHTS.get(leg.leg, _OTHER_WEIGHT) * leg.score / best[leg.leg]
            for leg in hit.legs
            if best.get(leg.leg, 0.0) > 0
        )

    return [replace(hit, score=_cosine(hit, least) + added(hit)) for hit in hits]


def _cosine(hit: Hit, least: float) -> float:
    """Return a hit's cosine; one that the dense leg did not find is no nearer than the farthest that it did."""
    return hit.similarity if hit.similarity is not None else least


def _best(hits: Sequence[Hit], limit: int) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, min(leg.rank for leg in hit.legs), hit.chunk.chunk_id))[:limit]
