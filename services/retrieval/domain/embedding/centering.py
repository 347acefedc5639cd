"""Vectors without the language of their texts.

The vectors of a multilingual model differ by language before they differ by meaning: all Chinese passages lie nearer
to a Chinese question than the English passage that answers it. The mean of the vectors of a language is what its texts
have in common; once it is subtracted, the meaning is left.

Source: Libovický, Rosa and Fraser, "On the Language Neutrality of Pre-trained Multilingual Representations", Findings
of EMNLP 2020.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from services.language.detection import LANGUAGES, language_of
from services.retrieval.values.calibration import Calibrations, Vector


class Centering:
    """Moves vectors of calibrated models; those of others stay as they are."""

    def __init__(self, calibrations: Calibrations) -> None:
        self._calibrations = calibrations
        self._spaces: dict[str, str] = {}

    def space(self, model: str) -> str:
        """Name the space that a model's vectors are moved to: those of two spaces do not compare."""
        if model not in self._spaces:
            self._spaces[model] = self._space(model)
        return self._spaces[model]

    def _space(self, model: str) -> str:
        calibration = self._calibrations.of(model)
        if calibration is None or not calibration.passages:
            return model
        digest = hashlib.blake2s(digest_size=4)
        for means in (calibration.questions, calibration.passages):
            for language in sorted(means):
                digest.update((LANGUAGES.by_code(language).space_name or language).encode() + means[language].tobytes())
        # Stored collections are named after this text: another spelling would name another, empty space.
        return f"{model} centred {digest.hexdigest()}"

    def question(self, model: str, text: str, vector: Sequence[float]) -> Sequence[float]:
        """Return a question's vector, of unit length, without the mean of questions in its language."""
        calibration = self._calibrations.of(model)
        return _centered(calibration.questions, text, vector) if calibration else vector

    def passage(self, model: str, text: str, vector: Sequence[float]) -> Sequence[float]:
        """Return a passage's vector, of unit length, without the mean of passages in its language."""
        calibration = self._calibrations.of(model)
        return _centered(calibration.passages, text, vector) if calibration else vector


def _centered(means: Mapping[str, Vector], text: str, vector: Sequence[float]) -> Sequence[float]:
    mean = means.get(language_of(text))
    if mean is None or len(mean) != len(vector):
        return vector
    whole = np.asarray(vector, np.float32)
    moved = whole / np.linalg.norm(whole) - mean
    length = np.linalg.norm(moved)
    # A vector that is the mean itself has no direction of its own.
    return (moved / length).tolist() if length > 0 else vector
