"""Measures of a ranking, each of one question; what is reported is their mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def recall(ranked: Sequence[int], relevant: Mapping[int, float], depth: int) -> float:
    """Return the share of the relevant passages that stand among the first `depth`."""
    return len(relevant.keys() & set(ranked[:depth])) / len(relevant)


def reciprocal_rank(ranked: Sequence[int], relevant: Mapping[int, float], depth: int = 10) -> float:
    """Return one over the rank of the first relevant passage, 0 where none is among the first `depth`."""
    return next((1 / rank for rank, passage in enumerate(ranked[:depth], start=1) if passage in relevant), 0.0)


def ndcg(ranked: Sequence[int], relevant: Mapping[int, float], depth: int = 10) -> float:
    """Return the normalized discounted cumulative gain (Järvelin and Kekäläinen, 2002) with linear gains."""
    gains = [relevant.get(passage, 0.0) for passage in ranked[:depth]]
    best = sorted(relevant.values(), reverse=True)[:depth]
    return _discounted(gains) / _discounted(best)


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
