from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.values.calibration import Calibration, Calibrations, Vector


def vector(*values: float) -> Vector:
    return np.array(values, np.float32)


def calibration(latin: Vector, zh: Vector) -> Calibration:
    return Calibration(0.4, {}, {"en": latin, "zh": zh}, {"en": latin, "zh": zh})


# Three axes: what English texts have in common, what Chinese ones have, and a subject.
ENGLISH, CHINESE, WATER, FIRE = vector(0.9, 0, 0), vector(0, 0.9, 0), 0.4, -0.4
KNOWN = Calibrations({"small": calibration(ENGLISH, CHINESE)})
CENTERING = Centering(KNOWN)


def unit(*values: float) -> list[float]:
    length = math.hypot(*values)
    return [value / length for value in values]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_meaning_outweighs_language_once_the_language_is_gone() -> None:
    question, answer, other = unit(0, 0.9, WATER), unit(0.9, 0, WATER), unit(0, 0.9, FIRE)
    assert cosine(question, other) > cosine(question, answer)
    asked = CENTERING.question("small", "水", question)
    in_english = CENTERING.passage("small", "water", answer)
    in_chinese = CENTERING.passage("small", "火", other)
    assert cosine(asked, in_english) > 0.9 > 0 > cosine(asked, in_chinese)


def test_what_comes_out_has_unit_length_whatever_length_went_in() -> None:
    long = [30.0 * value for value in unit(0.9, 0, WATER)]
    moved = CENTERING.passage("small", "water", long)
    assert math.hypot(*moved) == pytest.approx(1, abs=1e-6)
    assert moved == pytest.approx(CENTERING.passage("small", "water", unit(0.9, 0, WATER)))


def test_an_unknown_model_and_another_dimension_are_left_alone() -> None:
    assert CENTERING.question("large", "water", [1.0, 0.0, 0.0]) == [1.0, 0.0, 0.0]
    assert CENTERING.passage("small", "water", [1.0, 0.0]) == [1.0, 0.0]
    assert CENTERING.space("large") == "large"


def test_the_mean_itself_keeps_its_direction() -> None:
    centering = Centering(Calibrations({"small": calibration(vector(1, 0), vector(0, 1))}))
    assert centering.passage("small", "water", [1.0, 0.0]) == [1.0, 0.0]


def test_other_means_are_another_space() -> None:
    moved = Centering(Calibrations({"small": calibration(ENGLISH, CHINESE + vector(0, 0, 0.1))}))
    assert CENTERING.space("intfloat/small") == Centering(KNOWN).space("intfloat/small")
    assert len({"small", CENTERING.space("small"), moved.space("small")}) == 3
