from __future__ import annotations

import math

import numpy as np

from services.retrieval.adapters.calibrations import toml


def test_the_default_models_calibration_ships_whole() -> None:
    known = toml.load().of("intfloat/Multilingual-E5-Small")
    assert known is not None
    for means in (known.questions, known.passages):
        assert set(means) == {"en", "zh"}
        # The mean of unit vectors is shorter than one; of texts in one language, not by much.
        assert all(mean.shape == (384,) and 0.8 < np.linalg.norm(mean) < 1 for mean in means.values())
    within = [known.thresholds["en", "en"], known.thresholds["zh", "zh"]]
    across = [known.thresholds["zh", "en"], known.thresholds["en", "zh"]]
    # Terms add to relevance within a language only, so less has to be enough across.
    assert 0 < max(across) < min(within) < 1 + known.weight
    assert math.isfinite(known.weight)
    # A translation lies nearer than an answer to its question.
    assert known.support is not None
    assert max(across) < known.support < 1
    for evidence in (known.within, known.across, known.translated):
        assert evidence is not None
        # All that is measured speaks for a passage, and no signal alone is enough.
        assert all(weight > 0 for weight in evidence.weights.values())
        assert 0 < evidence.threshold < sum(evidence.weights.values())


def test_a_model_that_nothing_is_known_of_has_no_calibration() -> None:
    assert toml.load().of("text-embedding-9") is None
