"""Vague stems: real ones of small models about the demo's documents."""

from __future__ import annotations

import pytest

from services.exercises.domain.generation.stems import can_answer, is_fragment, is_vague
from services.exercises.values.question import Passage
from services.language.detection import LANGUAGES
from services.language.en import ENGLISH
from services.language.folding import says
from services.language.quotes import locate
from services.language.zh import CHINESE


def vague(stem: str, quote: str, topic: str, language: str) -> bool:
    passage = Passage(f"{quote}\n\nMore of it.", heading_path=(topic, "1"))
    place = locate(quote, passage.text)
    assert place is not None
    return is_vague(stem, passage.source(*place), passage, LANGUAGES.by_code(language))


@pytest.mark.parametrize(
    ("stem", "quote"),
    [
        ("水循环的原理是什么？", "水在地球上不断循环，今天的一杯水可能曾是恐龙时代的一场雨。"),
        ("雨水通过什么形式到达地面？", "下渗与地表径流此消彼长：同样的一场雨，下渗多，地表径流就少。"),
        ("水循环有什么意义？", "水体更新得越快，可以持续利用的水就越多。"),
        ("What does this tell us?", "The farther the lamp, the dimmer the light."),
        ("What did photosynthesis do?", "Photosynthesis made the air that we breathe."),
        ("What was the first source of oxygen?", "Photosynthesis made the air that we breathe."),
    ],
)
def test_a_stem_that_could_stand_over_any_sentence_is_vague(stem: str, quote: str) -> None:
    chinese = not stem.isascii()
    assert vague(stem, quote, "水循环" if chinese else "Photosynthesis", "zh" if chinese else "en")


@pytest.mark.parametrize(
    ("stem", "quote"),
    [
        ("什么是水循环？", "水循环是指自然界的水通过各个环节连续运动的过程。"),
        ("水循环的能量来自哪里？", "水循环的根本能量来自太阳辐射。"),
        ("围湖造田对湖泊有什么影响？", "围湖造田使湖泊缩小，湖泊调蓄洪水的能力下降。"),
        ("什么是蒸腾？", "蒸腾：植物通过叶片上的气孔把水以水汽的形式散发到大气中。"),
        ("What is photosynthesis?", "Photosynthesis is the process by which plants make sugar."),
        ("What does a leaf do?", "A leaf is a thin, flat organ that catches light."),
        ("Why do leaves look green?", "Chlorophyll reflects green light, and this is why leaves look green."),
    ],
)
def test_a_stem_that_names_what_its_sentence_is_about_is_not(stem: str, quote: str) -> None:
    chinese = not stem.isascii()
    assert not vague(stem, quote, "水循环" if chinese else "Photosynthesis", "zh" if chinese else "en")


def test_the_subject_of_a_sentence_that_opens_with_a_pronoun_stands_before_it() -> None:
    passage = Passage("Chlorophyll sits in the membranes. It reflects green light.", heading_path=("Photosynthesis",))
    place = locate("It reflects green light.", passage.text)
    assert place is not None
    assert not is_vague("What does chlorophyll reflect?", passage.source(*place), passage, LANGUAGES.by_code("en"))


@pytest.mark.parametrize(
    ("stem", "quote"),
    [
        ("What is the function of thylakoids in a chloroplast?", "Flat sacs called thylakoids lie in the stroma."),
        ("Why are leaves flat?", "A typical leaf is a thin, flat organ."),
        ("What is the effect of the gas?", "Carbon dioxide is a gas of the air."),
        ("Why do some plants grow here?", "Some soils of the south are usually rich."),
        ("为什么植被茂盛的地方下渗较多？", "植被茂盛、土质疏松、坡度平缓的地方下渗较多。"),
        ("水在地球上循环的原因是什么？", "水在地球上不断循环，今天的一杯水可能曾是恐龙时代的一场雨。"),
        ("南水北调中线工程引水对北京有什么影响？", "南水北调中线工程从丹江口水库引水，供水到北京、天津等地。"),
        ("气孔的作用是什么？", "气孔多在叶的下表皮。"),
    ],
)
def test_a_sentence_that_gives_no_cause_purpose_or_effect_does_not_answer(stem: str, quote: str) -> None:
    assert not can_answer(quote, stem)


@pytest.mark.parametrize(
    ("stem", "quote"),
    [
        ("What is the function of chlorophyll?", "Chlorophyll absorbs light."),
        ("What is the role of the guard cells?", "Guard cells open and close the pore."),
        ("Why do plants need a lot of RuBisCO?", "RuBisCO is slow, so a plant must make a great deal of it."),
        ("What is the effect of warming?", "The warmer the air, the more vapour it holds."),
        ("围湖造田对湖泊有什么影响？", "围湖造田使湖泊缩小，湖泊调蓄洪水的能力下降。"),
        ("如果太阳辐射停止，水循环还能进行吗？为什么？", "太阳辐射使水蒸发成水汽，并推动大气运动。"),
        ("植物根系有什么作用？", "根系吸收土壤中的水分。"),
        ("为什么召开这次大会？", "这是一次为修建大坝而召开的大会。"),
        ("What do thylakoids lie in?", "Flat sacs called thylakoids lie in the stroma."),
    ],
)
def test_one_that_gives_it_does_and_other_stems_are_taken(stem: str, quote: str) -> None:
    assert can_answer(quote, stem)


@pytest.mark.parametrize(
    ("text", "answer", "holds"),
    [
        ("The chloroplast's membranes", "chloroplast", True),
        ("Chloroplasts are green.", "chloroplast", False),
        ("a café au lait", "café", True),
        ("two cafés", "café", False),
        ("类囊体膜", "类囊体", True),
        ("DNA分子", "dna", True),
        ("if a <= b, then", "<=", True),
        ("Which operator compares?", "<=", False),
        ("7 of them", "7", False),
    ],
)
def test_a_text_says_an_answer_as_whole_words(text: str, answer: str, holds: bool) -> None:
    assert says(text, answer) is holds


@pytest.mark.parametrize(
    "stem",
    [
        "哪座山峰是在1953年被",
        "谁在十九世纪画了教堂的天",
        "哪种植物的叶子在秋天变成金",
        "什么是《民法",
        "为什么河水在春天从上游",
    ],
)
def test_a_question_that_is_cut_is_a_fragment(stem: str) -> None:
    assert is_fragment(stem, CHINESE)


@pytest.mark.parametrize(
    "stem",
    [
        "谁写了这首诗？",
        "河流是怎样改道的",
        "大坝是何时开始建造的",
        "蒸腾作用的意义是什么",
        "简述河流改道的原因。",
        "给出一种常见的乔木。",
        "讲出蒸腾的一个条件.",
        "木豆是什么？",
    ],
)
def test_a_short_or_unmarked_question_may_be_whole(stem: str) -> None:
    assert not is_fragment(stem, CHINESE)


@pytest.mark.parametrize("stem", ["这座城市后来改名为什么？", "这种气体被称为什么？", "哪项定理说明了素数的主要作用？"])
def test_what_is_asked_by_name_needs_no_reason(stem: str) -> None:
    assert can_answer("城堡后来改名为圣马可堡。", stem)


@pytest.mark.parametrize(
    ("stem", "cut"),
    [
        ("What is another name for", True),
        ("Who was the", True),
        ("What are the cells of", True),
        ("Who was the medical", True),
        ("What are some large green leav", True),
        ("Who is seen as the first of all bota", True),
        ("What is photosynthesis", False),
        ("Who was Carl von Linné", False),
        ("Define photosynthesis", False),
        ("What is a lever for?", False),
    ],
)
def test_a_short_question_does_not_end_in_a_word_that_more_must_follow(stem: str, cut: bool) -> None:
    assert is_fragment(stem, ENGLISH) is cut
