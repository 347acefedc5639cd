"""The vector that stands for examples: Qdrant's strategy `average_vector`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import qdrant_edge as edge

from services.embedded.qdrant_server.conversion import AnyVector, DenseVector
from services.embedded.qdrant_server.errors import wrong_input


def average(positive: Sequence[AnyVector], negative: Sequence[AnyVector]) -> AnyVector:
    """Return the mean of the positive examples, and as far beyond it as the mean of the negative ones is before it.

    Source: https://qdrant.tech/documentation/concepts/explore/. Of multi-dense vectors it takes the rows of the
    positive ones together with the negated rows of the negative ones.

    Raises:
        QdrantError: the examples are of different kinds or dimensions.
    """
    kinds = {_kind(item) for item in (*positive, *negative)}
    if len(kinds) != 1:
        raise wrong_input("recommend: all examples must be vectors of one kind and dimension")
    ((kind, _),) = kinds
    if kind == "sparse":
        return _average_sparse(positive, negative)
    if kind == "multi":
        return _concatenated(positive, negative)
    return _beyond(_mean(positive), _mean(negative) if negative else None)


def _kind(vector: AnyVector) -> tuple[str, int]:
    if isinstance(vector, edge.SparseVector):
        return "sparse", 0
    if vector and isinstance(vector[0], list):
        return "multi", len(vector[0])
    return "dense", len(vector)


def _mean(vectors: Sequence[Any]) -> DenseVector:
    return [sum(values) / len(vectors) for values in zip(*vectors, strict=True)]


def _beyond(positive: DenseVector, negative: DenseVector | None) -> DenseVector:
    if negative is None:
        return positive
    return [2 * wanted - unwanted for wanted, unwanted in zip(positive, negative, strict=True)]


def _average_sparse(positive: Sequence[Any], negative: Sequence[Any]) -> edge.SparseVector:
    weights: dict[int, float] = {}
    for vectors, factor in ((positive, 2.0 if negative else 1.0), (negative, -1.0)):
        for vector in vectors:
            for index, value in zip(vector.indices, vector.values, strict=True):
                weights[index] = weights.get(index, 0.0) + factor * value / len(vectors)
    ordered = sorted(weights)
    return edge.SparseVector(indices=ordered, values=[weights[index] for index in ordered])


def _concatenated(positive: Sequence[Any], negative: Sequence[Any]) -> list[DenseVector]:
    rows = [row for vector in positive for row in vector]
    return rows + [[-value for value in row] for vector in negative for row in vector]
