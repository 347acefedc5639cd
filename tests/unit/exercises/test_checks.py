"""The checks that every question passes: each refuses what it must and nothing else."""

from __future__ import annotations

import dataclasses

import pytest

from services.exercises.domain.generation.checks import Accepted, check
from services.exercises.values.question import Draft, Generator, Passage, QuestionKind, RubricPoint, Substitution
from services.exercises.values.refusal import Refusal, RefusedError

EN = Passage(
    "Plants need light, and look green. Chlorophyll absorbs red light and blue light. Water enters through the roots.",
    start=40,
)
ZH = Passage("植物需要光。叶绿素吸收红光和蓝紫光。水从根部进入植物体。", start=7, page=3, document_id="d", chunk_id="c")

SINGLE = Draft(
    kind=QuestionKind.SINGLE_CHOICE,
    stem="Which pigment absorbs red light?",
    quote="Chlorophyll absorbs red light and blue light.",
    explanation="Chlorophyll absorbs red light.",
    generator=Generator.MODEL,
    options=("Carotene", "Chlorophyll", "Xanthophyll", "Anthocyanin"),
    correct=(1,),
)
MULTIPLE = dataclasses.replace(
    SINGLE,
    kind=QuestionKind.MULTIPLE_CHOICE,
    stem="Which colours of light are absorbed?",
    options=("red", "blue", "green"),
    correct=(0, 1),
)
TRUE_FALSE = dataclasses.replace(
    SINGLE,
    kind=QuestionKind.TRUE_FALSE,
    stem="Chlorophyll absorbs green light and blue light.",
    options=(),
    correct=(),
    truth=False,
    substitution=Substitution("red", "green"),
)
BLANK = dataclasses.replace(
    TRUE_FALSE,
    kind=QuestionKind.FILL_IN_THE_BLANK,
    stem="____ absorbs red light and blue light.",
    truth=None,
    substitution=None,
    blanks=(("Chlorophyll",),),
)
SHORT = dataclasses.replace(
    BLANK,
    kind=QuestionKind.SHORT_ANSWER,
    stem="What does chlorophyll do for a plant?",
    blanks=(),
    reference="It absorbs light.",
    rubric=(RubricPoint("absorbs light", 1.0),),
)
GOOD = [SINGLE, MULTIPLE, TRUE_FALSE, BLANK, SHORT]


@pytest.mark.parametrize("draft", GOOD, ids=lambda draft: draft.kind.value)
def test_a_sound_question_passes_and_its_quote_is_a_slice_of_the_material(draft: Draft) -> None:
    source = check(draft, EN, Accepted())
    assert source.quote == EN.text[source.start - EN.start : source.end - EN.start] == draft.quote


@pytest.mark.parametrize(
    ("draft", "changes", "reason"),
    [
        (SINGLE, {"quote": "Chlorophyll absorbs all light."}, Refusal.QUOTE_NOT_IN_MATERIAL),
        (SINGLE, {"quote": "a"}, Refusal.QUOTE_NOT_IN_MATERIAL),
        (SINGLE, {"options": ("Carotene", "Chlorophyll", "chlorophyll.", "Other")}, Refusal.EQUAL_OPTIONS),
        (SINGLE, {"options": ("Carotene", "Chlorophyll", " ", "Other")}, Refusal.EMPTY_OPTION),
        (SINGLE, {"options": ("Carotene", "Chlorophyll")}, Refusal.OPTION_COUNT),
        (SINGLE, {"options": ("Carotene", "Chlorophyll", "All of the above")}, Refusal.OPTION_REFERS_TO_OPTIONS),
        (SINGLE, {"options": ("Carotene", "Chlorophyll", "叶黄素")}, Refusal.WRONG_LANGUAGE),
        (SINGLE, {"correct": ()}, Refusal.NO_SINGLE_KEY),
        (SINGLE, {"correct": (0, 1)}, Refusal.NO_SINGLE_KEY),
        (SINGLE, {"correct": (9,)}, Refusal.NO_SINGLE_KEY),
        (SINGLE, {"stem": "What does chlorophyll, the pigment, absorb?"}, Refusal.STEM_LEAKS_ANSWER),
        (SINGLE, {"stem": "Which pigment is named in the passage?"}, Refusal.STEM_REFERS_TO_PASSAGE),
        (SINGLE, {"stem": "叶绿素吸收什么光？"}, Refusal.WRONG_LANGUAGE),
        (SINGLE, {"stem": "  ? "}, Refusal.EMPTY_STEM),
        (SINGLE, {"explanation": ""}, Refusal.NO_EXPLANATION),
        (MULTIPLE, {"correct": (0,)}, Refusal.NO_MULTIPLE_KEY),
        (MULTIPLE, {"correct": (0, 1, 2)}, Refusal.NO_MULTIPLE_KEY),
        (TRUE_FALSE, {"truth": None}, Refusal.NO_TRUTH),
        (TRUE_FALSE, {"stem": "Chlorophyll absorbs red light"}, Refusal.KEY_CONTRADICTS_SOURCE),
        (BLANK, {"stem": "Chlorophyll absorbs red light."}, Refusal.GAP_COUNT),
        (BLANK, {"stem": "____ absorbs ____."}, Refusal.GAP_COUNT),
        (BLANK, {"blanks": (("Carotene",),)}, Refusal.ANSWER_NOT_IN_QUOTE),
        (BLANK, {"stem": "____, that is chlorophyll, absorbs light."}, Refusal.STEM_LEAKS_ANSWER),
        (SHORT, {"reference": ""}, Refusal.NO_REFERENCE),
        (SHORT, {"rubric": ()}, Refusal.NO_RUBRIC),
    ],
)
def test_an_unsound_question_is_refused_with_its_reason(
    draft: Draft, changes: dict[str, object], reason: Refusal
) -> None:
    accepted = Accepted()
    with pytest.raises(RefusedError) as refused:
        check(dataclasses.replace(draft, **changes), EN, accepted)  # type: ignore[arg-type]
    assert refused.value.reason is reason
    # What was refused leaves no trace: the sound one still passes.
    check(draft, EN, accepted)


@pytest.mark.parametrize(
    ("stem", "sound"),
    [
        ("Does chlorophyll or carotene absorb red light?", True),
        ("Which absorbs red light, carotene or chlorophyll?", True),
        ("Does chlorophyll or carotene absorb red light? (Chlorophyll)", False),
        ("Chlorophyll: which pigment absorbs red light?", False),
    ],
)
def test_an_answer_among_those_that_the_stem_offers_is_no_leak(stem: str, sound: bool) -> None:
    draft = dataclasses.replace(SINGLE, stem=stem)
    if sound:
        check(draft, EN, Accepted())
        return
    with pytest.raises(RefusedError) as refused:
        check(draft, EN, Accepted())
    assert refused.value.reason is Refusal.STEM_LEAKS_ANSWER


def test_a_repeated_stem_is_refused_whatever_its_case_and_punctuation() -> None:
    accepted = Accepted()
    check(SINGLE, EN, accepted)
    with pytest.raises(RefusedError) as refused:
        check(dataclasses.replace(SINGLE, stem="which pigment absorbs RED light ?"), EN, accepted)
    assert refused.value.reason is Refusal.DUPLICATE_STEM


def test_the_same_quote_and_key_are_refused_even_for_another_kind() -> None:
    accepted = Accepted()
    check(SINGLE, EN, accepted)
    with pytest.raises(RefusedError) as refused:
        check(BLANK, EN, accepted)
    assert refused.value.reason is Refusal.DUPLICATE_KEY


@pytest.mark.parametrize("stem", ["根据上文，叶绿素吸收什么光？", "文中提到的色素是什么？", "根据材料，哪种光被吸收？"])
def test_a_chinese_stem_that_points_at_the_text_is_refused(stem: str) -> None:
    draft = dataclasses.replace(
        SINGLE,
        stem=stem,
        quote="叶绿素吸收红光和蓝紫光。",
        explanation="叶绿素吸收红光。",
        options=("绿光", "红光和蓝紫光", "黄光"),
    )
    with pytest.raises(RefusedError) as refused:
        check(draft, ZH, Accepted())
    assert refused.value.reason is Refusal.STEM_REFERS_TO_PASSAGE


def test_a_quote_with_other_widths_and_spaces_is_found_and_kept_as_the_material_writes_it() -> None:
    draft = dataclasses.replace(
        SINGLE,
        stem="叶绿素吸收哪些光？",
        quote="叶绿素 吸收红光和蓝紫光.",
        explanation="叶绿素吸收红光和蓝紫光。",
        options=("绿光", "红光和蓝紫光", "黄光"),
    )
    source = check(draft, ZH, Accepted())
    assert source.quote == "叶绿素吸收红光和蓝紫光。"
    assert (source.start, source.end) == (13, 25)
    assert (source.page, source.document_id, source.chunk_id) == (3, "d", "c")


def test_a_source_names_the_page_on_which_its_quote_starts() -> None:
    draft = dataclasses.replace(
        SINGLE,
        stem="叶绿素吸收哪些光？",
        quote="叶绿素吸收红光和蓝紫光。",
        explanation="叶绿素吸收红光和蓝紫光。",
        options=("绿光", "红光和蓝紫光", "黄光"),
    )
    begins = ZH.start + ZH.text.index("叶绿素")
    assert check(draft, dataclasses.replace(ZH, page_starts=(begins, begins + 1)), Accepted()).page == 4
    assert check(draft, dataclasses.replace(ZH, page_starts=(begins + 1,)), Accepted()).page == 3


STEMS_THAT_REFER = [
    "According to the document, which pigment absorbs red light?",
    "Based on the excerpt, which pigment absorbs red light?",
    "In the given article, which pigment absorbs red light?",
    "Which pigment absorbs red light in Figure 2?",
    "As the diagram shows, which pigment absorbs red light?",
    "In this chapter, which pigment absorbs red light?",
    "Which pigment absorbs red light, as described in Section 2.1?",
    "Which pigment does the author say absorbs red light?",
    "In the writer's opinion, which pigment absorbs red light?",
    "As mentioned above, which pigment absorbs red light?",
    "Which of the aforementioned pigments absorbs red light?",
    "Which pigment did we discuss earlier in this lecture?",
]
CHINESE_STEMS_THAT_REFER = [
    "如图所示，叶绿素吸收什么光？",
    "由上表可知，叶绿素吸收什么光？",
    "本节介绍的叶绿素吸收什么光？",
    "第二章中，叶绿素吸收什么光？",
    "作者认为叶绿素吸收什么光？",
    "在笔者看来，叶绿素吸收什么光？",
    "下列材料中，叶绿素吸收什么光？",
    "如前所述，叶绿素吸收什么光？",
    "资料指出，叶绿素吸收什么光？",
    "前面提到的叶绿素吸收什么光？",
]
STEMS_OF_THEIR_OWN = [
    "Who is the author of the treaty of red light?",
    "Which document of the kingdom names red light?",
    "According to Newton, which pigment absorbs red light?",
    "Which chapter of the Bible speaks of red light?",
    "Which figure of speech names red light?",
]
CHINESE = dataclasses.replace(
    SINGLE,
    quote="叶绿素吸收红光和蓝紫光。",
    explanation="叶绿素吸收红光。",
    options=("绿光", "红光和蓝紫光", "黄光"),
)


def refused(draft: Draft, passage: Passage) -> str:
    """The reason of the refusal, "" for none."""
    try:
        check(draft, passage, Accepted())
    except RefusedError as error:
        return error.reason.value
    return ""


@pytest.mark.parametrize("stem", STEMS_THAT_REFER)
def test_a_stem_that_speaks_of_what_the_learner_does_not_see_is_refused(stem: str) -> None:
    assert refused(dataclasses.replace(SINGLE, stem=stem), EN) == "STEM_REFERS_TO_PASSAGE"


@pytest.mark.parametrize("stem", CHINESE_STEMS_THAT_REFER)
def test_a_chinese_stem_that_speaks_of_what_the_learner_does_not_see_is_refused(stem: str) -> None:
    assert refused(dataclasses.replace(CHINESE, stem=stem), ZH) == "STEM_REFERS_TO_PASSAGE"


@pytest.mark.parametrize("stem", STEMS_OF_THEIR_OWN)
def test_a_document_or_an_author_may_be_what_is_asked_about(stem: str) -> None:
    assert refused(dataclasses.replace(SINGLE, stem=stem), EN) != "STEM_REFERS_TO_PASSAGE"


def test_what_the_material_speaks_of_itself_is_no_reference() -> None:
    passage = dataclasses.replace(EN, text=EN.text + " The editor of the journal wrote to the author.")
    draft = dataclasses.replace(SINGLE, stem="Which pigment, red of light, did the author study?")
    assert refused(draft, EN) == "STEM_REFERS_TO_PASSAGE"
    assert refused(draft, passage) != "STEM_REFERS_TO_PASSAGE"


@pytest.mark.parametrize(
    "option",
    [
        "All of these", "Everything mentioned", "A and C", "Both of the first two", "None of these", "Not sure",
        "All answers are right", "Only B", "It depends", "No correct answer", "Neither A nor B", "Every option",
        "全部都是", "以上皆是", "都不对", "不确定", "A和C", "仅A和B", "前两项", "没有正确答案", "无法判断", "所有选项",
    ],
)  # fmt: skip
def test_an_option_that_is_made_of_words_about_options_is_refused(option: str) -> None:
    draft = dataclasses.replace(SINGLE, options=("Carotene", "Chlorophyll", "Xanthophyll", option))
    assert refused(draft, EN) == "OPTION_REFERS_TO_OPTIONS"


@pytest.mark.parametrize(
    "option",
    ["Vitamin A", "The Allies", "Two pigments", "Bothrops", "Nonesuch", "Group B", "a first pigment", "Given name"],
)
def test_an_option_that_only_holds_such_words_is_none(option: str) -> None:
    draft = dataclasses.replace(SINGLE, options=("Carotene", "Chlorophyll", "Xanthophyll", option))
    assert refused(draft, EN) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("100 °C", "100.0 °C"), ("100 °C", "100 degrees Celsius"), ("5 km", "5,000 m"), ("the Nile", "Nile"),
        ("colour", "color"), ("twelve", "12"), ("50%", "50 percent"), ("in Rome", "Rome"),
        ("Saint Paul", "St. Paul"), ("Mount Rigi", "Mt. Rigi"), ("Ann & Co", "Ann and Co"),
    ],
)  # fmt: skip
def test_options_of_one_value_are_equal(one: str, other: str) -> None:
    draft = dataclasses.replace(SINGLE, options=(one, "Chlorophyll", "Xanthophyll", other))
    assert refused(draft, EN) == "EQUAL_OPTIONS"


@pytest.mark.parametrize(
    ("one", "other"), [("100摄氏度", "一百摄氏度"), ("3万", "30000"), ("葉綠體", "叶绿体"), ("5千米", "5公里")]
)
def test_chinese_options_of_one_value_are_equal(one: str, other: str) -> None:
    draft = dataclasses.replace(CHINESE, stem="叶绿素吸收什么颜色的光？", options=(one, "红光和蓝紫光", other))
    assert refused(draft, ZH) == "EQUAL_OPTIONS"


@pytest.mark.parametrize("other", ["100 °F", "35 kg", "-100 °C", "C++"])
def test_options_that_differ_a_little_are_two(other: str) -> None:
    draft = dataclasses.replace(SINGLE, options=("100 °C", "Chlorophyll", "C", "3.5 kg", other))
    assert refused(draft, EN) == ""


@pytest.mark.parametrize(
    ("stem", "reason"),
    [
        ("Quel pigment absorbe la lumière rouge ?", "WRONG_LANGUAGE"),
        ("赤い光を吸収する色素はどれですか？", "WRONG_LANGUAGE"),
        ('{"stem": "Which pigment absorbs red light?"}', "STEM_HAS_MARKUP"),
        ("Which pigment absorbs red light? A. x B. y C. z", "STEM_HAS_MARKUP"),
        ("Which pigment absorbs red", "STEM_IS_FRAGMENT"),
    ],
)
def test_a_stem_in_another_language_or_that_is_no_text_is_refused(stem: str, reason: str) -> None:
    assert refused(dataclasses.replace(SINGLE, stem=stem), EN) == reason


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("red carotene", ""),
        ("a light that nobody sees at dawn", "KEY_CONTRADICTS_SOURCE"),
        ("the light and heat of distant stars", "KEY_CONTRADICTS_SOURCE"),
    ],
)
def test_a_key_is_no_other_thing_where_the_quote_has_a_wrong_option_in_its_words(key: str, reason: str) -> None:
    draft = dataclasses.replace(SINGLE, stem="What is absorbed in a leaf?", options=(key, "blue light", "green light"))
    assert refused(dataclasses.replace(draft, correct=(0,)), EN) == reason
