"""What small models really wrote, Chinese and English: the bad is refused for its reason, the good passes.

Every bad text here came from Qwen2.5-Coder 0.5B or 1.5B with the demo's documents as material.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from services.exercises.domain.generation.checks import Accepted, check
from services.exercises.domain.generation.model_questions import question_prompt_of
from services.exercises.domain.prompts.echoes import echoes
from services.exercises.domain.prompts.tasks import question_request
from services.exercises.values.question import Draft, Generator, Passage, QuestionKind, RubricPoint, Substitution
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.detection import LANGUAGES

ZH = Passage(
    "水循环的根本能量来自太阳辐射。淡水只占全球总水量的2.5%左右，其中三分之二以上储存在冰川和永久积雪中。"
    "人类容易利用的是河流水、淡水湖泊水和浅层地下水，它们只占淡水的很小一部分。蒸腾：植物通过叶片上的气孔把水以水汽的形式"
    "散发到大气中。水体更新得越快，可以持续利用的水就越多。冰川和永久积雪占淡水的68.7%，地下淡水占30.1%，其余占1.2%。"
)
EN = Passage(
    "Chlorophyll absorbs mainly blue-violet and red light. It reflects green light, and this is why leaves look green. "
    "The oxygen that is set free comes from water, not from carbon dioxide. Enzymes work faster as it gets warmer, up "
    "to an optimum that lies between 25 and 35 °C for many plants. A leaf is a thin, flat organ that catches light. "
    "Animals and fungi are heterotrophs, which means that they take in food made by other organisms. "
    "The splitting of water is called photolysis."
)


def draft(kind: QuestionKind, language: str, **fields: Any) -> Draft:
    """A sound question of a kind, with some fields changed."""
    chinese = language == "zh"
    sound = Draft(
        kind=kind,
        stem="水循环的根本能量来自哪里？" if chinese else "Where does the oxygen that plants set free come from?",
        quote="水循环的根本能量来自太阳辐射。"
        if chinese
        else "The oxygen that is set free comes from water, not from carbon dioxide.",
        explanation="太阳辐射为水循环提供能量。" if chinese else "The oxygen comes from the water that is split.",
        generator=Generator.MODEL,
    )
    match kind:
        case QuestionKind.SINGLE_CHOICE:
            options = ("太阳辐射", "地球重力", "地热") if chinese else ("Water", "Carbon dioxide", "Sugar")
            sound = dataclasses.replace(sound, options=options, correct=(0,))
        case QuestionKind.MULTIPLE_CHOICE:
            sound = dataclasses.replace(
                sound,
                stem="人类容易利用的淡水有哪些？（多选）"
                if chinese
                else "Which light does chlorophyll mainly absorb? Choose all that apply.",
                quote="人类容易利用的是河流水、淡水湖泊水和浅层地下水"
                if chinese
                else "Chlorophyll absorbs mainly blue-violet and red light.",
                options=("河流水", "浅层地下水", "冰川") if chinese else ("Red", "Blue-violet", "Green"),
                correct=(0, 1),
            )
        case QuestionKind.TRUE_FALSE:
            stem = (
                "水循环的根本能量来自太阳辐射。"
                if chinese
                else "The oxygen that plants set free comes from water, not from carbon dioxide."
            )
            sound = dataclasses.replace(sound, stem=stem, truth=True)
        case QuestionKind.FILL_IN_THE_BLANK:
            stem = "水循环的根本能量来自____。" if chinese else "The oxygen that is set free comes from ____."
            blanks = (("太阳辐射" if chinese else "water",),)
            sound = dataclasses.replace(sound, stem=stem, blanks=blanks)
        case QuestionKind.SHORT_ANSWER:
            reference = "它来自太阳辐射。" if chinese else "It comes from water, not from carbon dioxide."
            rubric = (RubricPoint("太阳辐射" if chinese else "from water", 1.0),)
            sound = dataclasses.replace(sound, reference=reference, rubric=rubric)
    return dataclasses.replace(sound, **fields)


def outcome(subject: Draft, language: str) -> str:
    try:
        check(subject, ZH if language == "zh" else EN, Accepted())
    except RefusedError as refused:
        return refused.reason.value
    return "accepted"


SC, MC, TF, FB, SA = QuestionKind


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", QuestionKind)
def test_sound_questions_pass(kind: QuestionKind, language: str) -> None:
    assert outcome(draft(kind, language), language) == "accepted"


@pytest.mark.parametrize(
    ("language", "kind", "fields"),
    [
        ("zh", SC, {"stem": "题干，一个问句，不含答案"}),
        ("zh", SC, {"options": ("太阳辐射", "三个错误但看起来合理的答案", "地热")}),
        ("zh", SC, {"options": ("太阳辐射", "错误答案1", "错误答案2")}),
        ("zh", SC, {"explanation": "用一句话讲清所考的知识"}),
        ("zh", TF, {"explanation": "从材料中逐字抄写能证明答案的一句话，一个字也不要改。"}),
        ("zh", SA, {"rubric": (RubricPoint("两到三个要点", 1), RubricPoint("各是一个短语", 1))}),
        ("zh", SC, {"stem": "云溪镇的石桥为什么用青石板铺桥面？"}),
        ("en", SC, {"stem": "a question that does not contain the answer"}),
        ("en", SC, {"stem": "A full question that doesn't give its answer away?"}),
        ("en", SC, {"options": ("the one right answer, short", "Water", "Sugar")}),
        ("en", SC, {"options": ("Water", "three wrong but plausible answers", "Sugar")}),
        ("en", SC, {"options": ("Water", "Wrong answer 1", "Wrong answer 2")}),
        ("en", SA, {"reference": "The model answer in a sentence or two."}),
        ("en", SC, {"stem": "Why does the lighthouse of Port Arlen stand on granite base?"}),
    ],
)
def test_what_repeats_the_prompt_is_no_question(language: str, kind: QuestionKind, fields: dict[str, Any]) -> None:
    assert outcome(draft(kind, language, **fields), language) == Refusal.ECHOES_INSTRUCTIONS


@pytest.mark.parametrize("kind", QuestionKind)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_field_that_the_prompt_describes_counts_as_an_echo(kind: QuestionKind, language: str) -> None:
    request = question_request(
        question_prompt_of(kind, "", seed=1), LANGUAGES.by_code(language), material="x", focus="", seed=1, temperature=0
    )
    described = [
        line.split("：" if language == "zh" else ": ", 1)[1]
        for message in request.messages
        for line in message.content.splitlines()
        if re.split(r"[：:]", line)[0].split(" ")[-1] in request.schema["properties"]
    ]
    described = [line.partition("quote：" if language == "zh" else "quote: ")[2] or line for line in described]
    assert len(described) == len(request.schema["properties"])
    assert all(echoes(text, LANGUAGES.by_code(language)) for text in described)
    assert all(echoes(f"  {text.upper()} ", LANGUAGES.by_code(language)) for text in described)


@pytest.mark.parametrize(
    ("language", "kind", "stem"),
    [
        ("zh", SC, "淡水"),
        ("zh", SC, "水循环的意义"),
        ("zh", SA, "蒸腾"),
        ("zh", SC, "哪个因素？"),
        ("zh", SC, "水体更新得越快，可以持续利用的水就越多。"),
        ("zh", TF, "太阳辐射"),
        ("en", SC, "Which factor?"),
        ("en", MC, "stem"),
        ("en", SA, "Chlorophyll"),
        ("en", SC, "Enzymes work faster as it gets warmer in many plants."),
        ("en", SA, "What is it?"),
        ("en", TF, "Green light."),
    ],
)
def test_a_fragment_is_no_question(language: str, kind: QuestionKind, stem: str) -> None:
    assert outcome(draft(kind, language, stem=stem), language) == Refusal.STEM_IS_FRAGMENT


@pytest.mark.parametrize(
    ("language", "kind", "stem"),
    [
        ("zh", SA, "什么是蒸腾？"),
        ("zh", SA, "简述蒸腾的过程。"),
        ("zh", SC, "水循环的根本能量来自（　）。"),
        ("zh", SC, "下列关于水循环能量的说法，正确的是："),
        ("zh", SC, "为什么淡水有限？"),
        ("zh", SC, "水循环的能量主要来源于哪种力量"),
        ("en", SA, "What is photolysis?"),
        ("en", SA, "Define photolysis."),
        ("en", SA, "Explain where the released oxygen comes from."),
        ("en", SC, "The oxygen that plants set free comes from:"),
        ("en", SC, "Why do leaves look green?"),
        ("en", SA, "What is the oxygen made from? Explain briefly."),
    ],
)
def test_a_short_question_or_a_task_is_whole(language: str, kind: QuestionKind, stem: str) -> None:
    # Some of them ask for something else than the sound question's quote.
    sound = {"accepted", Refusal.STEM_TOO_VAGUE, Refusal.QUOTE_DOES_NOT_ANSWER}
    assert outcome(draft(kind, language, stem=stem), language) in sound


@pytest.mark.parametrize(
    ("language", "stem"),
    [
        ("zh", "水循环的根本能量来自太阳辐射吗？"),
        ("zh", "水循环的根本能量来自____。"),
        ("en", "Does the oxygen that is set free come from water?"),
        ("en", "Which oxygen comes from water, not from carbon dioxide"),
    ],
)
def test_what_is_true_or_false_is_a_statement(language: str, stem: str) -> None:
    assert outcome(draft(TF, language, stem=stem), language) == Refusal.STEM_IS_NO_STATEMENT


@pytest.mark.parametrize(
    ("language", "kind", "fields"),
    [
        ("zh", SC, {"stem": "太阳辐射为水循环提供什么？"}),
        ("zh", MC, {"stem": "哪些水可以从河流水、淡水湖泊水和浅层地下水中取得？（多选）"}),
        ("zh", SA, {"stem": "它来自太阳辐射，为什么？"}),
        ("en", SC, {"stem": "Which gas does the splitting of water give off?"}),
        ("en", SA, {"stem": "It comes from water, not from carbon dioxide?"}),
    ],
)
def test_a_stem_that_says_its_answer_is_refused(language: str, kind: QuestionKind, fields: dict[str, Any]) -> None:
    assert outcome(draft(kind, language, **fields), language) == Refusal.STEM_LEAKS_ANSWER


@pytest.mark.parametrize(
    ("language", "fields"),
    [
        # Labelled false, and yet what the quote says in other words.
        ("zh", {"stem": "水循环的根本能量来自太阳辐射，", "truth": False}),
        ("en", {"stem": "The oxygen set free comes from water, not carbon dioxide.", "truth": False}),
        # Labelled true, with a number or a negation that the material has not.
        ("zh", {"stem": "淡水占全球总水量的25%左右。", "quote": "淡水只占全球总水量的2.5%左右"}),
        ("zh", {"stem": "水循环的根本能量不来自太阳辐射。"}),
        (
            "en",
            {
                "stem": "Enzymes work faster up to an optimum of 45 °C.",
                "quote": "Enzymes work faster as it gets warmer",
            },
        ),
    ],
)
def test_a_truth_that_the_words_contradict_is_refused(language: str, fields: dict[str, Any]) -> None:
    assert outcome(draft(TF, language, **fields), language) == Refusal.KEY_CONTRADICTS_SOURCE


@pytest.mark.parametrize(
    ("language", "stem", "exchange"),
    [
        ("zh", "水循环的根本能量来自浅层地下水。", Substitution("太阳辐射", "浅层地下水")),
        ("zh", "水循环的根本能量来自太阴辐射。", Substitution("太阳", "太阴")),
        (
            "en",
            "The oxygen that is set free comes from light, not from carbon dioxide.",
            Substitution("water", "light"),
        ),
    ],
)
def test_a_false_statement_that_changes_something_passes(language: str, stem: str, exchange: Substitution) -> None:
    assert outcome(draft(TF, language, stem=stem, truth=False, substitution=exchange), language) == "accepted"


@pytest.mark.parametrize(
    ("language", "kind", "fields", "reason"),
    [
        # The rate of bubbles under a quote about dim light; salt water under a question about glaciers.
        ("en", TF, {"stem": "A leaf is a thin, flat organ."}, Refusal.ANSWER_NOT_IN_QUOTE),
        ("zh", SA, {"reference": "冰川和永久积雪占淡水的68.7%。"}, Refusal.ANSWER_NOT_IN_QUOTE),
        ("zh", SC, {"options": ("水循环的根本能量来自太阳辐射", "地球重力", "地热")}, Refusal.ANSWER_IS_QUOTE),
        ("zh", SC, {"options": ("核聚变反应", "地球重力", "地热")}, Refusal.ANSWER_NOT_IN_QUOTE),
        ("en", SC, {"options": ("40 °C", "25 °C", "35 °C")}, Refusal.ANSWER_NOT_IN_QUOTE),
        ("zh", MC, {"options": ("河流水", "浅层地下水", "淡水湖泊水")}, Refusal.KEY_CONTRADICTS_SOURCE),
        ("en", MC, {"correct": (0, 2)}, Refusal.KEY_CONTRADICTS_SOURCE),
        ("en", MC, {"options": ("Red", "Upper epidermis", "Green")}, Refusal.ANSWER_NOT_IN_QUOTE),
        ("en", SC, {"options": ("A wasteful process", "Sugar", "Air")}, Refusal.ANSWER_NOT_IN_QUOTE),
    ],
)
def test_a_key_that_the_material_does_not_carry_is_refused(
    language: str, kind: QuestionKind, fields: dict[str, Any], reason: Refusal
) -> None:
    assert outcome(draft(kind, language, **fields), language) == reason


@pytest.mark.parametrize(
    ("language", "explanation"),
    [
        ("zh", "这句话说明了水循环的原理。"),
        ("zh", "文中提到了太阳辐射。"),
        ("en", "This sentence directly supports the information provided in the passage."),
        ("en", "The statement accurately describes where oxygen comes from."),
        ("en", "Where oxygen comes from matches the stem and answer provided in the JSON object."),
    ],
)
def test_an_explanation_that_speaks_of_the_passage_is_refused(language: str, explanation: str) -> None:
    refused = outcome(draft(SC, language, explanation=explanation), language)
    assert refused == Refusal.EXPLANATION_REFERS_TO_PASSAGE


def test_an_explanation_may_say_what_the_material_says() -> None:
    said = "The passage of water through the stomata cools the leaf."
    subject = draft(
        TF, "en", stem="Water that leaves through the stomata cools the leaf.", quote=said, explanation=f"True: {said}"
    )
    assert check(subject, Passage(said), Accepted()).quote == said


def test_a_question_that_the_material_itself_asks_is_not_made_again() -> None:
    asked = "我们的城市里，哪些地面不透水？下大雨时会出现什么现象？"
    passage = Passage(f"{ZH.text}讨论：{asked}")
    with pytest.raises(RefusedError) as refused:
        check(draft(SA, "zh", stem=asked), passage, Accepted())
    assert refused.value.reason is Refusal.STEM_COPIES_MATERIAL


@pytest.mark.parametrize(
    ("language", "stem"),
    [
        ("en", "What does paragraph 3 say about where oxygen comes from?"),
        ("en", "As the figure illustrates, where does oxygen come from?"),
        ("en", "According to the summary, where does the oxygen that is set free come from?"),
        ("en", "According to what you have read, where does the oxygen come from?"),
        ("zh", "文章第三段指出水循环的根本能量来自哪里？"),
        ("zh", "上面的句子说水循环的根本能量来自哪里？"),
        ("zh", "老师在课上说水循环的根本能量来自哪里？"),
        ("zh", "在这段话中，水循环的根本能量来自哪里？"),
        ("zh", "片段中水循环的根本能量来自哪里？"),
        ("zh", "根据你所学的知识，水循环的根本能量来自哪里？"),
        ("zh", "幻灯片里水循环的根本能量来自哪里？"),
    ],
)
def test_a_text_or_picture_that_is_not_shown_is_no_part_of_a_stem(language: str, stem: str) -> None:
    assert outcome(draft(SC, language, stem=stem), language) == Refusal.STEM_REFERS_TO_PASSAGE


@pytest.mark.parametrize(
    "stem",
    [
        "下面这句话缺少哪个词：水循环的根本能量来自太阳…。？",
        "这段话缺少的是什么来源：水循环的根本能量来自…。？",
        "补全下面的句子：水循环的根本能量来自哪里？",
    ],
)
def test_a_sentence_that_the_stem_says_itself_is_shown(stem: str) -> None:
    assert outcome(draft(SC, "zh", stem=stem), "zh") == "accepted"


def test_what_is_asked_about_a_sentence_behind_a_colon_does_not_show_it() -> None:
    stem = "下面这句话说的是：什么？"
    assert outcome(draft(SC, "zh", stem=stem), "zh") == Refusal.STEM_REFERS_TO_PASSAGE


@pytest.mark.parametrize(
    ("language", "option"),
    [
        ("en", "Other"),
        ("en", "Something else"),
        ("en", "The first two"),
        ("en", "Nothing of the kind"),
        ("en", "Both sugar and carbon dioxide are right"),
        ("zh", "其他"),
        ("zh", "其它"),
        ("zh", "都有"),
        ("zh", "均有可能"),
    ],
)
def test_an_option_that_names_nothing_is_none(language: str, option: str) -> None:
    options = ("太阳辐射", "地热", option) if language == "zh" else ("Water", "Carbon dioxide", option)
    assert outcome(draft(SC, language, options=options), language) == Refusal.OPTION_REFERS_TO_OPTIONS


BLOOD = Passage(
    "Group AB can receive blood of every group. Alternating current, AC for short, changes its direction. Half of a "
    "cake is 1/2. Potassium leaves the cell as K+. CO is poisonous."
)


@pytest.mark.parametrize(
    ("stem", "quote", "options"),
    [
        ("Which group can receive blood of every group?", "Group AB can receive", ("AB", "A", "B", "O")),
        ("Which current changes its direction?", "Alternating current, AC for short,", ("AC", "DC", "CD")),
        ("How much is half of a cake?", "Half of a cake is 1/2.", ("1/2", "1/3", "1/4", "2")),
        ("As what does potassium leave the cell?", "Potassium leaves the cell as K+.", ("K+", "Na+", "Cl-")),
        ("Which gas is poisonous?", "CO is poisonous.", ("CO", "Co", "O")),
    ],
)
def test_symbols_of_the_matter_are_options(stem: str, quote: str, options: tuple[str, ...]) -> None:
    quote = BLOOD.text[BLOOD.text.index(quote) :].partition(". ")[0]
    subject = draft(SC, "en", stem=stem, quote=quote, options=options, explanation=quote)
    check(subject, BLOOD, Accepted())


def test_ideographs_that_the_material_lacks_are_no_part_of_an_english_question() -> None:
    stem = "Where does the oxygen that plants set free 来自 come from?"
    assert outcome(draft(SC, "en", stem=stem), "en") == Refusal.WRONG_LANGUAGE
