"""Reciprocal rank fusion: legs with incomparable scores become one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.retrieval.values.chunk import Hit

RRF_K = 60
"""The paper's constant; see `fuse`."""


def fuse(rankings: Mapping[str, Sequence[Hit]], limit: int, k: int = RRF_K) -> list[Hit]:
    """Fuse one ranking a leg into at most `limit` hits, best first.

    A hit scores the sum over its legs of `1 / (k + rank)`, ranks from 1; equal scores are ordered by the
    better cosine and then by chunk id, so that the result never depends on which leg answered first.

    Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual rank
    learning methods", SIGIR 2009; k = 60 is the paper's.
    """
    scores: dict[str, float] = {}
    hits: dict[str, Hit] = {}
    legs: dict[str, tuple[str, ...]] = {}
    for leg in sorted(rankings):
        for rank, hit in enumerate(rankings[leg], start=1):
            key = hit.chunk.chunk_id
            scores[key] = scores.get(key, 0.0) + 1.0 / (k + rank)
            legs[key] = (*legs.get(key, ()), leg)
            known = hits.get(key)
            if known is None or (known.similarity is None and hit.similarity is not None):
                hits[key] = hit

    def order(key: str) -> tuple[float, float, str]:
        similarity = hits[key].similarity
        return (-scores[key], -(similarity if similarity is not None else -1.0), key)

    best = sorted(hits, key=order)[:limit]
    return [replace(hits[key], score=scores[key], legs=legs[key]) for key in best]
