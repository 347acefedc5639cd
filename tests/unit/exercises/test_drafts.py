"""From a model's text to a draft."""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.exercises.domain.generation.drafts import draft_of, explanation_of
from services.exercises.domain.generation.model_questions import answer_of
from services.exercises.values.question import GAP, QuestionKind
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.detection import LANGUAGES


def draft(kind: QuestionKind, seed: int = 0, **value: Any) -> Any:
    given = {"quote": "光合作用产生氧气。", "stem": "题干", "explanation": "因为", **value}
    return draft_of(answer_of(kind, given), passage=2, model="m", rng=random.Random(seed))  # noqa: S311


def test_choices_are_shuffled_and_the_key_follows() -> None:
    orders = set()
    for seed in range(12):
        made = draft(QuestionKind.SINGLE_CHOICE, seed, answer="A. 氧气", distractors=["B) 氮气", "氢气", "氦气"])
        assert [made.options[i] for i in made.correct] == ["氧气"]
        assert sorted(made.options) == sorted(["氧气", "氮气", "氢气", "氦气"])
        orders.add(made.options)
    assert len(orders) > 3
    many = draft(QuestionKind.MULTIPLE_CHOICE, correct=["甲", "乙"], wrong=["丙"])
    assert len(many.options) == 3
    assert {many.options[i] for i in many.correct} == {"甲", "乙"}


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("光合作用产生____。", "光合作用产生____。"),
        ("光合作用产生______。", "光合作用产生____。"),
        ("光合作用产生（ ）。", "光合作用产生____。"),
        ("光合作用产生氧气。", "光合作用产生____。"),
        ("光合作用的产物是什么？", "光合作用产生____。"),
    ],
)
def test_gaps_are_written_one_way_and_cut_where_a_model_forgot(stem: str, expected: str) -> None:
    made = draft(QuestionKind.FILL_IN_THE_BLANK, stem=stem, answer="氧气")
    assert made.stem == expected
    assert GAP in made.stem
    assert made.blanks == (("氧气",),)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (QuestionKind.SINGLE_CHOICE, {"answer": "x"}),
        (QuestionKind.SINGLE_CHOICE, {"answer": 3, "distractors": []}),
        (QuestionKind.MULTIPLE_CHOICE, {"correct": "x", "wrong": []}),
        (QuestionKind.TRUE_FALSE, {"original": "氧气"}),
        (QuestionKind.TRUE_FALSE, {"original": 3, "changed": "氮气"}),
        (QuestionKind.FILL_IN_THE_BLANK, {}),
        (QuestionKind.SHORT_ANSWER, {"reference": "r", "rubric": [1]}),
        (QuestionKind.TRUE_FALSE, {"truth": True, "quote": ""}),
    ],
)
def test_a_missing_or_mistyped_field_is_invalid(kind: QuestionKind, value: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as refused:
        draft(kind, **value)
    assert refused.value.reason is Refusal.INVALID_JSON


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("解析：水循环的能量来自太阳辐射。", "水循环的能量来自太阳辐射。"),
        ("根据材料，水循环的能量来自太阳辐射。", "水循环的能量来自太阳辐射。"),
        ("文中提到，水循环的能量来自太阳辐射。这句话说明了水循环的原理。", "水循环的能量来自太阳辐射。"),
        ("这句话说明了水循环的原理。", "QUOTE"),
        ("材料中的“水体”是维持全球水量动态平衡的主体。", "QUOTE"),
        ("This is the correct statement about cells. It states that cells break glucose down with oxygen.",
         "Cells break glucose down with oxygen."),
        ("According to the passage, leaves look green because they reflect green light.",
         "Leaves look green because they reflect green light."),
        ("The passage states that enzymes work faster in warmth. This matches the stem and answer provided.",
         "Enzymes work faster in warmth."),
        ("This sentence directly supports the information provided in the passage.", "QUOTE"),
        ("Oxygen comes from water. Oxygen comes from water. Oxygen comes from water.", "Oxygen comes from water."),
        ("Oxygen comes from water. " + "It is set free when light splits the water in the leaf of a plant. " * 9,
         "Oxygen comes from water. It is set free when light splits the water in the leaf of a plant."),
        ("Light " * 60 + "ends.", "QUOTE"),
        ("下渗多的地方，地表径流往往比较少。", "QUOTE"),
        ("Oxygen enters plants through the air and is split into sugars by enzymes at night.", "QUOTE"),
        ("水循环的起点是雨水，而恐龙时代也常有雨。", "QUOTE"),
    ],
)  # fmt: skip
def test_an_explanation_is_short_and_speaks_of_its_subject(text: str, expected: str) -> None:
    quote = (
        "水循环的根本能量来自太阳辐射。Oxygen from water, set free in a leaf when light splits it. "
        "Enzymes work in cells. Green leaves reflect light."
    )
    assert explanation_of(text, quote, "{sentence}") == (quote if expected == "QUOTE" else expected)


def test_a_long_quote_in_the_place_of_an_explanation_is_cut() -> None:
    assert explanation_of("这句话说明了原理。", "水" * 300, "{sentence}") == "水" * 239 + "…"
    cut = explanation_of("See the passage.", "Light is absorbed. " * 30, "{sentence}")
    assert cut.endswith("absorbed.")
    assert len(cut) <= 240


@pytest.mark.parametrize(
    ("kind", "fields", "explanation"),
    [
        (
            QuestionKind.SINGLE_CHOICE,
            {"answer": "氧{气}", "distractors": ["氮气"]},
            "正确答案是“氧{气}”：光合作用产生氧气。",
        ),
        (QuestionKind.MULTIPLE_CHOICE, {"correct": ["水", "光"], "wrong": ["雨"]}, "应选：水、光。光合作用产生氧气。"),
        (QuestionKind.FILL_IN_THE_BLANK, {"answer": "氧气", "stem": "产生____。"}, "原句：光合作用产生氧气。"),
    ],
)
@pytest.mark.parametrize("said", [{}, {"explanation": "光合作用产生氧气。"}, {"explanation": "因为"}])
def test_where_the_model_explains_nothing_the_quote_explains_the_key(
    kind: QuestionKind, fields: dict[str, Any], said: dict[str, str], explanation: str
) -> None:
    value = {"stem": "什么过程产生氧气？", **fields, **said}
    made = draft_of(answer_of(kind, value, "光合作用产生氧气。"), passage=0, model="m", rng=random.Random(0))  # noqa: S311
    assert made.explanation == explanation
    assert made.quote == "光合作用产生氧气。"


def test_what_is_asked_behind_a_statement_with_a_gap_is_left_out() -> None:
    made = draft(
        QuestionKind.FILL_IN_THE_BLANK,
        quote="The light reactions split water in the thylakoids.",
        stem="The ____ split water in the thylakoids. What are the thylakoids?",
        answer="light reactions",
        explanation="The light reactions split water.",
    )
    assert (made.stem, made.blanks) == ("The ____ split water in the thylakoids.", (("light reactions",),))
    asked = draft(
        QuestionKind.FILL_IN_THE_BLANK,
        quote="Plants make sugar of water. They store it as starch.",
        stem="Plants make sugar. What is it stored as, ____?",
        answer="starch",
        explanation="Plants store sugar as starch.",
    )
    assert "____" in asked.stem


def test_a_gap_is_cut_in_whatever_case_and_the_answer_is_as_the_sentence_writes_it() -> None:
    made = draft(
        QuestionKind.FILL_IN_THE_BLANK,
        quote="The bubbles consist mostly of oxygen.",
        stem="The bubbles consist mainly of oxygen.",
        answer="Oxygen",
        explanation="The gas is oxygen.",
    )
    assert (made.stem, made.blanks) == ("The bubbles consist mainly of ____.", (("oxygen",),))


def test_labels_are_taken_off_and_a_rubric_keeps_what_the_reference_says() -> None:
    made = draft(
        QuestionKind.SHORT_ANSWER,
        quote="海洋水约占全球总水量的96.5%，它是咸水，不能直接饮用。",
        stem="题干：海洋水占全球总水量的多少？",
        reference="海洋水约占全球总水量的96.5%。",
        rubric=["海洋水占全球总水量的多少", "约占96.5%", "不能直接饮用"],
    )
    assert made.stem == "海洋水占全球总水量的多少？"
    assert [point.text for point in made.rubric] == ["约占96.5%"]


@pytest.mark.parametrize(
    ("quote", "stem", "answer", "found"),
    [
        ("In bright light the rate levels off, because another factor has become limiting.",
         "In bright light the rate levels off, because another factor has become ____.", "light intensity", "limiting"),
        ("水循环的根本能量来自太阳辐射。", "水循环的根本能量来自____", "重力", "太阳辐射"),
        ("水循环的根本能量来自太阳辐射。", "水循环的能量来自____。", "太阳辐射", "太阳辐射"),
    ],
)  # fmt: skip
def test_the_answer_of_a_gap_in_the_quote_is_what_stands_there(quote: str, stem: str, answer: str, found: str) -> None:
    said = "能量来自太阳辐射。" if "水" in quote else "The rate is limited by a factor."
    made = draft(QuestionKind.FILL_IN_THE_BLANK, quote=quote, stem=stem, answer=answer, explanation=said)
    assert made.blanks == ((found,),)
    full = LANGUAGES.of(quote).cloze.wording.gap_explanation.format(sentence=quote)
    assert made.explanation == (said if answer == found else full)


def test_a_wrong_option_that_may_be_a_right_one_is_left_out() -> None:
    made = draft(
        QuestionKind.MULTIPLE_CHOICE,
        quote="水以固态、液态和气态三种形式存在。",
        correct=["固态", "液态", "气态"],
        wrong=["固体", "液态", "等离子"],
    )
    assert sorted(made.options) == sorted(["固态", "液态", "气态", "等离子"])
    assert {made.options[i] for i in made.correct} == {"固态", "液态", "气态"}


def test_a_wrong_option_that_is_written_twice_is_one() -> None:
    made = draft(QuestionKind.SINGLE_CHOICE, answer="更新快", distractors=["更新慢", "更新相同", "更新慢。"])
    assert sorted(made.options) == sorted(["更新快", "更新慢", "更新相同"])
    same = draft(QuestionKind.SINGLE_CHOICE, answer="更新快", distractors=["更新快", "更新慢", "更新相同"])
    assert len(same.options) == 4


@pytest.mark.parametrize(
    ("answer", "distractors", "options"),
    [
        (
            "E. coli",
            ["C. elegans", "A. thaliana", "B. subtilis"],
            {"E. coli", "C. elegans", "A. thaliana", "B. subtilis"},
        ),
        ("B. Franklin", ["Lincoln", "Adams", "Jay"], {"B. Franklin", "Lincoln", "Adams", "Jay"}),
        ("A.D. 300", ["A.D. 400", "300 B.C.", "400 B.C."], {"A.D. 300", "A.D. 400", "300 B.C.", "400 B.C."}),
        ("B. y", ["A. x", "C. z", "D. w"], {"x", "y", "z", "w"}),
        ("b: y", ["a: x", "c: z", "d: w"], {"x", "y", "z", "w"}),
        ("2. y", ["1. x", "3. z", "4. w"], {"x", "y", "z", "w"}),
        ("A) x", ["y", "z", "w"], {"x", "y", "z", "w"}),
        ("（B）y", ["（A）x", "（C）z", "（D）w"], {"x", "y", "z", "w"}),
        ("A、氧气", ["氮气", "氢气", "氦气"], {"氧气", "氮气", "氢气", "氦气"}),
        ("①x", ["②y", "③z", "④w"], {"x", "y", "z", "w"}),
        ("1.5 m", ["2.5 m", "3.5 m", "4.5 m"], {"1.5 m", "2.5 m", "3.5 m", "4.5 m"}),
    ],
)
def test_letters_before_options_are_cut_and_initials_stay(
    answer: str, distractors: list[str], options: set[str]
) -> None:
    assert {*draft(QuestionKind.SINGLE_CHOICE, answer=answer, distractors=distractors).options} == options


@pytest.mark.parametrize(
    ("answer", "distractors", "options"),
    [
        ("**Water**", ["Air", "Fire"], ["Air", "Fire", "Water"]),
        ("Water (correct)", ["Air", "Fire"], ["Air", "Fire", "Water"]),
        ("Water ✓", ["Air", "Fire ✗"], ["Air", "Fire", "Water"]),
        ("水（正确答案）", ["火", "土"], ["火", "土", "水"]),
        ("Water", ["B. Air", "C. Fire"], ["Air", "Fire", "Water"]),
        ("选项A：水", ["选项B：火", "选项C：土"], ["水", "火", "土"]),
        ("Option A: Water", ["Option B: Air", "Option C: Fire"], ["Air", "Fire", "Water"]),
        ("- Water", ["- Air", "- Fire"], ["Air", "Fire", "Water"]),
        ("It comes from water.", ["It comes from air", "It comes from fire"], None),
        # No marks of a key.
        ("-5", ["- 3", "5"], ["- 3", "-5", "5"]),
        ("Yeast", ["B. subtilis", "C. elegans"], ["B. subtilis", "C. elegans", "Yeast"]),
        ("print(True)", ["print(False)", "not(right)"], ["not(right)", "print(False)", "print(True)"]),
        ("Apple Inc.", ["Intel", "IBM"], ["Apple Inc.", "IBM", "Intel"]),
        ("the correct (1905) theory", ["the aether", "the photon (light)"], None),
    ],
)
def test_nothing_but_its_words_tells_the_right_option(
    answer: str, distractors: list[str], options: list[str] | None
) -> None:
    made = draft(QuestionKind.SINGLE_CHOICE, answer=answer, distractors=distractors)
    assert sorted(made.options) == sorted(options or [answer.rstrip("."), *distractors])


@pytest.mark.parametrize(
    ("written", "stem"),
    [
        ("1. Which gas do plants set free?", "Which gas do plants set free?"),
        ("3、植物释放哪种气体？", "植物释放哪种气体？"),
        ("第3题：植物释放哪种气体？", "植物释放哪种气体？"),
        ("（单选题）植物释放哪种气体？", "植物释放哪种气体？"),
        ("【题目】植物释放哪种气体？", "植物释放哪种气体？"),
        ("(2 points) Which gas do plants set free?", "Which gas do plants set free?"),
        ("Q: Which gas do plants set free?", "Which gas do plants set free?"),
        # A number of the matter.
        ("1.5 mol 氧气的质量是多少？", "1.5 mol 氧气的质量是多少？"),
        ("12 个氧原子有多少个质子？", "12 个氧原子有多少个质子？"),
        ("Q10 is a coenzyme of which process?", "Q10 is a coenzyme of which process?"),
    ],
)
def test_a_question_is_without_its_number_and_kind(written: str, stem: str) -> None:
    made = draft(QuestionKind.SINGLE_CHOICE, stem=written, answer="氧气", distractors=["氮气", "氢气"])
    assert made.stem == stem
