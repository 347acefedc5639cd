from __future__ import annotations

from dataclasses import replace

import pytest

from services.language.lexicon import Lexicon
from services.retrieval.domain.answering.relevance_gate import RelevanceGate
from services.retrieval.values.calibration import Calibrations, Evidence
from services.retrieval.values.chunk import Hit, LegHit
from tests.unit.retrieval.fakes import CALIBRATION, GATED, MODEL, hit

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


@pytest.mark.parametrize("count", [0, 20], ids=["few", "many"])
def test_in_a_script_that_nobody_measured_only_passages_in_such_a_script_count(count: int) -> None:
    question = "การสังเคราะห์ด้วยแสงคืออะไร"
    others = strangers(0.34, 9.5, count)
    for text in (PASSAGE, "光合作用需要光照和叶绿素。"):
        best = found(text, 0, 0.9, 0)
        assert not RelevanceGate(MANY).passes(question, [best, *others[:4]], [best, *others])
        assert not RelevanceGate(Calibrations({})).passes(question, [best, *others[:4]], [best, *others])
    thai = found("การสังเคราะห์ด้วยแสงคือกระบวนการของพืช", 0, 0.9, 0)
    assert RelevanceGate(MANY).passes(question, [thai, *others[:4]], [thai, *others])


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


WITHIN = Evidence({"cosine": 1.0, "lead": 1.6, "words_lead": 0.9, "rare": 1.5}, threshold=1.5)
ACROSS = Evidence({"cosine": 1.0, "lead": 2.0}, threshold=0.6)
TRANSLATED = Evidence({"cosine": 1.0, "translated": 1.0, "translated_lead": 1.0}, threshold=1.2)
MANY = Calibrations({MODEL: replace(CALIBRATION, within=WITHIN, across=ACROSS, translated=TRANSLATED)})
LEXICON = Lexicon.of(["水 水 [shui3] /water/", "沸點 沸点 [fei4 dian3] /boiling point/", "秘魯 秘鲁 [Bi4 lu3] /Peru/"])


def found(text: str, ordinal: int, cosine: float, words: float) -> Hit:
    return replace(hit(text, ordinal, cosine), legs=(LegHit("words", 1, words),) if words else ())


def strangers(cosine: float, words: float, count: int = 20) -> list[Hit]:
    """Passages about other things, of which the best are as near as this."""
    return [found("The kettle whistles loudly.", i + 1, cosine - i / 200, words - i / 10) for i in range(count)]


@pytest.mark.parametrize(
    ("best", "others", "passes"),
    [
        # It stands out, by its vector and by its words.
        (found(PASSAGE, 0, 0.60, 30), strangers(0.25, 9), True),
        # As near and as full of the question's words as before, but so are many others.
        (found(PASSAGE, 0, 0.35, 10), strangers(0.34, 9.5), False),
        # What words find best, vectors do not.
        (found("The kettle whistles loudly.", 0, 0.30, 0), strangers(0.29, 9), False),
    ],
)
def test_among_many_the_best_must_stand_out(best: Hit, others: list[Hit], passes: bool) -> None:
    assert RelevanceGate(MANY).passes(WATER, [best, *others[:4]], [best, *others]) is passes


def test_among_few_there_is_nothing_to_stand_out_from() -> None:
    best, others = found(PASSAGE, 0, 0.35, 10), strangers(0.34, 9.5, 5)
    assert RelevanceGate(MANY).passes(WATER, [best], [best, *others])
    assert RelevanceGate(MANY).passes(WATER, [best])


def test_without_words_from_a_leg_the_thresholds_decide() -> None:
    best, others = found(PASSAGE, 0, 0.35, 0), strangers(0.34, 0)
    assert RelevanceGate(MANY).passes(WATER, [best], [best, *others])


def test_candidates_in_another_language_do_not_count() -> None:
    best = found(PASSAGE, 0, 0.35, 10)
    others = [replace(one, chunk=replace(one.chunk, text="水壶大声鸣叫。")) for one in strangers(0.34, 9.5)]
    assert RelevanceGate(MANY).passes(WATER, [best], [best, *others])


@pytest.mark.parametrize(("cosine", "others", "passes"), [(0.40, 0.25, True), (0.40, 0.39, False)])
def test_among_many_in_another_language_the_nearest_must_be_ahead(cosine: float, others: float, passes: bool) -> None:
    best, rest = hit(PASSAGE, 0, cosine), strangers(others, 0)
    assert RelevanceGate(MANY).passes("水的沸点是多少？", [best], [best, *rest]) is passes


def by_translation(one: Hit, score: float) -> Hit:
    return replace(one, legs=(LegHit("translated", 1, score),))


@pytest.mark.parametrize(
    ("question", "passage", "passes"),
    [
        ("水的沸点是多少？", "The boiling point of water is 100 degrees.", True),
        ("秘鲁的沸点？", "The boiling of water takes time.", False),
        ("Where is Peru?", "秘鲁在南美洲。", True),
        ("What is the boiling point?", "秘鲁在南美洲。", False),
    ],
)
def test_among_many_in_another_language_what_the_words_are_called_decides(
    question: str, passage: str, passes: bool
) -> None:
    """The cosines alone would refuse each of them, and so they do where no lexicon is."""
    score = 9.0 if passes else 5.1
    best = by_translation(hit(passage, 0, 0.40), score)
    text = "The kettle whistles loudly." if passage.isascii() else "水壶大声鸣叫。"
    rest = [by_translation(hit(text, i + 1, 0.39 - i / 200), 5 - i / 10) for i in range(20)]
    assert RelevanceGate(MANY, None, lambda: LEXICON).passes(question, [best], [best, *rest]) is passes
    assert not RelevanceGate(MANY).passes(question, [best], [best, *rest])


def test_without_the_leg_across_languages_no_lexicon_is_read() -> None:
    def read() -> Lexicon:
        raise AssertionError

    best, rest = hit(PASSAGE, 0, 0.40), strangers(0.25, 0)
    assert RelevanceGate(MANY, None, read).passes("水的沸点是多少？", [best], [best, *rest])
    worded = found(PASSAGE, 0, 0.60, 30)
    assert RelevanceGate(MANY, None, read).passes(WATER, [worded], [worded, *strangers(0.25, 9)])


def test_an_operators_threshold_holds_among_many_too() -> None:
    best, others = found(PASSAGE, 0, 0.60, 30), strangers(0.25, 9)
    assert not RelevanceGate(MANY, 1.5).passes(WATER, [best], [best, *others])


@pytest.mark.parametrize(
    ("question", "passage", "passes"),
    [
        ("什么是蒸腾作用？", "蒸腾：植物通过气孔散发水汽。", True),
        ("蒸騰作用是什麼？", "蒸腾：植物通过气孔散发水汽。", True),
        ("下渗是什么意思", "下滲是地面的水往下滲入土壤。", True),
        ("请解释“下渗”", "下渗是地面的水渗入土壤。", True),
        ("板块构造的定义是什么？", "下渗是地面的水渗入土壤。", False),
        ("下渗的速度是什么？", "下渗是地面的水渗入土壤。", False),
        ("Define perceptrons.", "Perceptrons are the simplest of networks.", True),
        ("What does 'margin' mean?", "The margin is the distance to it.", True),
        ("what's the margin", "The margin is the distance to it.", True),
        ("What is the length of the margin?", "The margin is the distance to it.", False),
        ("Explain osmosis", "The margin is the distance to it.", False),
    ],
)
def test_what_a_thing_is_may_stand_wherever_the_thing_is_named(question: str, passage: str, passes: bool) -> None:
    assert GATE.passes(question, [hit("水壶大声鸣叫。", 0, -1.0), hit(passage, 1, -1.0)]) is passes
    assert not RelevanceGate(GATED, 2.0).passes(question, [hit(passage, 0, -1.0)])
