"""Passages that differ: of those that say the same, one is enough to make an exercise of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

from services.kit.concurrency import map_in_turns
from services.retrieval.domain.search.bm25 import passage_vector
from services.retrieval.values.chunk import Hit

_PASSAGES_A_TURN = 2


async def diversified(hits: Sequence[Hit], diversity: float, limit: int) -> list[Hit]:
    """Return `limit` hits, each the one of the highest relevance less `diversity` times its likeness to those before.

    Relevance is the rank's reciprocal share, 1 for the first; likeness is the cosine of word vectors, the highest one.
    Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
    Summaries", SIGIR 1998.
    """
    words = await map_in_turns(lambda hit: _unit(hit.chunk.text), hits, _PASSAGES_A_TURN)
    relevance = [1 - rank / len(hits) for rank in range(len(hits))]
    likeness = [0.0] * len(hits)
    left = list(range(len(hits)))
    chosen: list[Hit] = []
    while left and len(chosen) < limit:
        best = max(left, key=lambda i: (relevance[i] - diversity * likeness[i], -i))
        left.remove(best)
        chosen.append(hits[best])
        for i in left:
            likeness[i] = max(likeness[i], _cosine(words[i], words[best]))
    return chosen


def _unit(text: str) -> Mapping[int, float]:
    vector = passage_vector(text)
    length = sqrt(sum(value * value for value in vector.values)) or 1.0
    return {index: value / length for index, value in zip(vector.indices, vector.values, strict=True)}


def _cosine(one: Mapping[int, float], other: Mapping[int, float]) -> float:
    fewer, more = sorted((one, other), key=len)
    return sum(value * more[index] for index, value in fewer.items() if index in more)
