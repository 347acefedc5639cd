"""One list of hits from the lists of several legs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.retrieval.values.chunk import Hit, LegHit

_RRF_K = 60
"""The constant of the paper that `fuse` names."""


def attributed(leg: str, hits: Sequence[Hit]) -> list[Hit]:
    """Return what one leg found, best first, each hit with the leg, its rank and its score."""
    return [replace(hit, legs=(LegHit(leg, rank, hit.score),)) for rank, hit in enumerate(hits, start=1)]


def fuse(rankings: Mapping[str, Sequence[Hit]], limit: int) -> list[Hit]:
    """Fuse one ranking a leg into at most `limit` hits, best first, by the sum of `1 / (60 + rank)`, ranks from 1.

    Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual rank learning methods",
    SIGIR 2009. Equal scores are ordered by cosine and chunk id: which leg answered first must not matter.
    """
    scores: dict[str, float] = {}
    hits: dict[str, Hit] = {}
    legs: dict[str, tuple[LegHit, ...]] = {}
    for leg in sorted(rankings):
        for hit in attributed(leg, rankings[leg]):
            key = hit.chunk.chunk_id
            scores[key] = scores.get(key, 0.0) + 1.0 / (_RRF_K + hit.legs[0].rank)
            legs[key] = (*legs.get(key, ()), *hit.legs)
            known = hits.get(key)
            if known is None or (known.similarity is None and hit.similarity is not None):
                hits[key] = hit

    def order(key: str) -> tuple[float, float, str]:
        similarity = hits[key].similarity
        return (-scores[key], -(similarity if similarity is not None else -1.0), key)

    best = sorted(hits, key=order)[:limit]
    return [replace(hits[key], score=scores[key], legs=legs[key]) for key in best]
