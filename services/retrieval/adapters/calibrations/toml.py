"""Calibrations read from the TOML files beside this module."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import numpy as np

from services.language.detection import LANGUAGES
from services.retrieval.values.calibration import Calibration, Calibrations, Evidence, JudgeCalibration, Vector

FOLDER = Path(__file__).parent
_JUDGES = FOLDER / "judges"
CODES = tuple(language.code for language in LANGUAGES)


def load() -> Calibrations:
    """Read every calibration that ships."""
    files = sorted(FOLDER.glob("*.toml"))
    return Calibrations({file.stem: _calibration(tomllib.loads(file.read_text("utf-8"))) for file in files})


def load_judges() -> dict[str, JudgeCalibration]:
    """Read the calibration of every chat model that ships, by the model's name."""
    files = _JUDGES.glob("*.toml")
    return {file.stem: JudgeCalibration(tomllib.loads(file.read_text("utf-8"))["least"]) for file in files}


def _calibration(data: dict[str, Any]) -> Calibration:
    thresholds = data["thresholds"]
    return Calibration(
        weight=data["weight"],
        thresholds={(question, passage): thresholds[question][passage] for question in CODES for passage in CODES},
        questions=_means(data, "questions"),
        passages=_means(data, "passages"),
        support=data["support"],
        within=_evidence(data, "within"),
        across=_evidence(data, "across"),
        translated=_evidence(data, "translated"),
    )


def _evidence(data: dict[str, Any], kind: Literal["within", "across", "translated"]) -> Evidence:
    figures = data["evidence"][kind]
    return Evidence({name: figure for name, figure in figures.items() if name != "threshold"}, figures["threshold"])


def _means(data: dict[str, Any], kind: Literal["questions", "passages"]) -> dict[str, Vector]:
    return {code: np.array(data["means"][kind][code], np.float32) for code in CODES}
