"""What was measured of an embedding model: where its vectors lie, and what its cosines mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What decides where a question has many candidates in its own language; every figure is in cosines (ADR 0048).

    The sum is the best cosine plus weights times: the `coverage` of the question's terms, the `lead` of the best cosine
    over the second one, the `words_lead` of the best hit by words over the sixth to fortieth, as a share of its score,
    and the `agreement` of both legs on the first hit. `threshold` is the least sum that passes.
    """

    coverage: float
    lead: float
    words_lead: float
    agreement: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The figures of one embedding model.

    `questions` and `passages` are the mean vectors of texts in a language, and may be empty. Relevance is
    `cosine + weight * coverage` where question and passage share a language; across languages terms do not match, so
    it is the cosine alone. `thresholds` maps (question's language, passage's language) to the least relevance that
    passes; `evidence` replaces all of this where a language has many candidates. `support` is the least cosine, across
    languages, of a statement and a sentence that says the same.
    """

    weight: float
    thresholds: Mapping[tuple[str, str], float]
    questions: Mapping[str, Vector]
    passages: Mapping[str, Vector]
    support: float | None = None
    evidence: Evidence | None = None


class Calibrations:
    """Calibrations by the name of their model."""

    def __init__(self, by_name: Mapping[str, Calibration]) -> None:
        self._by_name = dict(by_name)

    def of(self, model: str) -> Calibration | None:
        """Return the calibration whose name is part of `model` ("intfloat/multilingual-e5-small"); None without one."""
        name = model.lower()
        return next((calibration for key, calibration in self._by_name.items() if key in name), None)
