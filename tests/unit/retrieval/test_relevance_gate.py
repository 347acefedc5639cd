from __future__ import annotations

from dataclasses import replace

import pytest

from services.retrieval.domain.answering.relevance_gate import RelevanceGate
from services.retrieval.values.calibration import Calibrations
from tests.unit.retrieval.fakes import GATED, hit

GATE = RelevanceGate(GATED)
PASSAGE = "Water boils at 100 degrees Celsius at sea level."
WATER = "At what temperature does water boil?"


@pytest.mark.parametrize(
    ("question", "passage", "cosine", "passes"),
    [
        (WATER, PASSAGE, 0.30, True),
        (WATER, PASSAGE, 0.09, False),
        ("Who won the election in Peru?", PASSAGE, 0.49, False),
        ("Who won the election in Peru?", PASSAGE, 0.51, True),
        ("光合作用需要什么条件？", "光合作用需要光照和叶绿素。", 0.30, True),
        ("秘鲁选举谁赢了？", "光合作用需要光照和叶绿素。", 0.49, False),
        ("水的沸点是多少？", PASSAGE, 0.21, True),
        ("水的沸点是多少？", PASSAGE, 0.19, False),
        (WATER, "水在一百摄氏度沸腾。", 0.21, True),
        (WATER, "水在一百摄氏度沸腾。", 0.19, False),
    ],
)
def test_cosine_and_words_decide_together(question: str, passage: str, cosine: float, passes: bool) -> None:
    assert GATE.passes(question, [hit(passage, score=cosine)]) is passes


def test_no_passage_never_passes() -> None:
    assert not GATE.passes("anything", [])


def test_the_best_measures_of_several_passages_count() -> None:
    near = hit("The kettle whistles loudly.", 0, 0.3)
    worded = hit("The water on the stove boils.", 1, 0.05)
    assert not GATE.passes(WATER, [near])
    assert not GATE.passes(WATER, [worded])
    assert GATE.passes(WATER, [near, worded])


def test_a_model_without_calibration_is_judged_by_words_alone() -> None:
    unknown = replace(hit(PASSAGE, score=0.2), embedding_model="text-embedding-9")
    assert GATE.passes(WATER, [unknown])
    assert not GATE.passes("Who won the election in Peru?", [unknown])
    assert GATE.passes("水的沸点是多少？", [unknown])


def test_an_operators_threshold_replaces_the_measured_one() -> None:
    unknown = replace(hit(PASSAGE, score=0.45), embedding_model="text-embedding-9")
    assert RelevanceGate(Calibrations({}), 0.4).passes("Who won?", [unknown])
    assert not RelevanceGate(Calibrations({}), 0.5).passes(WATER, [unknown])


def test_an_operators_threshold_holds_within_a_language_and_across() -> None:
    strict = RelevanceGate(GATED, 0.4)
    assert strict.passes("水的沸点是多少？", [hit(PASSAGE, score=0.41)])
    assert not strict.passes("水的沸点是多少？", [hit(PASSAGE, score=0.39)])
    assert strict.passes(WATER, [hit(PASSAGE, score=0.2)])
    assert not strict.passes("Who won the election in Peru?", [hit(PASSAGE, score=0.39)])


def test_a_hit_of_another_leg_without_cosine_is_judged_by_words() -> None:
    graph = replace(hit(PASSAGE), similarity=None, embedding_model="")
    assert GATE.passes(WATER, [graph])
