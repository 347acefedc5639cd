"""What a model that reads texts, and gives vectors of one size, does not do."""

from __future__ import annotations

from collections.abc import Sequence

from services.kit.errors import FieldViolation, InvalidArgument
from services.llm.values.relevance import EmbedInput, Vectors


def only_texts(inputs: Sequence[EmbedInput]) -> list[str]:
    """Return the inputs, all of which are texts.

    Raises:
        InvalidArgument: one is tokens of a vocabulary that this model does not have.
    """
    texts = [item for item in inputs if isinstance(item, str)]
    if len(texts) != len(inputs):
        raise _refused("tokens", "are not taken by this model, which has a vocabulary of its own: send texts")
    return texts


def with_dimensions(vectors: Vectors, dimensions: int | None) -> Vectors:
    """Return the vectors, which have as many components as were wanted.

    Raises:
        InvalidArgument: they have not, and cutting them off would spoil them.
    """
    if dimensions not in (None, vectors.dimension):
        raise _refused("dimensions", f"must be {vectors.dimension} for this model")
    return vectors


def _refused(field: str, rule: str) -> InvalidArgument:
    return InvalidArgument(f"{field} {rule}.", violations=[FieldViolation(field, rule)])
