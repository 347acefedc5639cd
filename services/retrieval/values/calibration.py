"""What was measured of an embedding model: where its vectors lie, and what its cosines mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What decides among many candidates (ADR 0059): `weights` of signals by their names, and the least sum to pass.

    The names are those of `domain.answering.evidence.signals`; a signal without a weight does not count.
    """

    weights: Mapping[str, float]
    threshold: float

    def margin(self, signals: Mapping[str, float]) -> float:
        """Return by how much the weighed sum of signals exceeds the threshold, as a logarithm of odds."""
        return sum(weight * signals[name] for name, weight in self.weights.items()) - self.threshold


@dataclass(frozen=True, slots=True)
class Calibration:
    """The figures of one embedding model.

    `questions` and `passages` are the mean vectors of texts in a language, and may be empty. Relevance is
    `cosine + weight * coverage` where question and passage share a language; across languages terms do not match, so
    it is the cosine alone. `thresholds` maps (question's language, passage's language) to the least relevance that
    passes; `within` and `across` replace this where a language has many candidates, and `translated` replaces
    `across` where a lexicon translates the question's words. `support` is the least cosine,
    across languages, of a statement and a sentence that says the same.
    """

    weight: float
    thresholds: Mapping[tuple[str, str], float]
    questions: Mapping[str, Vector]
    passages: Mapping[str, Vector]
    support: float | None = None
    within: Evidence | None = None
    across: Evidence | None = None
    translated: Evidence | None = None


@dataclass(frozen=True, slots=True)
class JudgeCalibration:
    """The figures of a chat model as judge: `least` is the least share of "yes" that passes, by a question's language.

    A language that is missing was not measured.
    """

    least: Mapping[str, float]


def calibration_of(model: str, by_name: Mapping[str, T]) -> T | None:
    """Return the one whose name is part of `model` ("intfloat/multilingual-e5-small"); None without one."""
    name = model.lower()
    return next((calibration for key, calibration in by_name.items() if key in name), None)


class Calibrations:
    """Calibrations by the name of their model."""

    def __init__(self, by_name: Mapping[str, Calibration]) -> None:
        self._by_name = dict(by_name)

    def of(self, model: str) -> Calibration | None:
        """Return the calibration of a model; see `calibration_of`."""
        return calibration_of(model, self._by_name)
