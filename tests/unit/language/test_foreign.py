"""A text in another language than it should be is told, and names, formulas and quotations in others are not."""

from __future__ import annotations

import pytest

from services.language.detection import LANGUAGES
from services.language.foreign import is_foreign

EN, ZH = LANGUAGES.by_code("en"), LANGUAGES.by_code("zh")


@pytest.mark.parametrize(
    "text",
    [
        "Quel pigment absorbe la lumière rouge ?",
        "Welches Pigment absorbiert das rote Licht?",
        "¿Qué pigmento absorbe la luz roja?",
        "Quale pigmento assorbe la luce rossa?",
        "Welk pigment absorbeert het rode licht?",
        "Какой пигмент поглощает красный свет?",
        "赤い光を吸収する色素はどれですか？",
        "어떤 색소가 붉은 빛을 흡수합니까?",
        "दिल्ली",
    ],
)
def test_english_is_told_from_others(text: str) -> None:
    assert is_foreign(text, EN, question="?" in text or "？" in text)


@pytest.mark.parametrize(
    "text",
    [
        "赤い光を吸収する色素はどれですか？",
        "光合作用の場所はどこですか",
        "광합성은 어디에서 일어납니까?",
        "What is the place of 光合作用?",
        "Où se trouve le lieu de la 光合作用 ?",
        "お茶の水",
    ],
)
def test_chinese_is_told_from_others(text: str) -> None:
    assert is_foreign(text, ZH, question=True)


@pytest.mark.parametrize(
    "text",
    [
        "Which pigment absorbs red light?",
        "Who painted the Mona Lisa and Lady with an Ermine?",
        "What did Leonardo da Vinci and Juana de la Cruz write?",
        "What does α in E = α·β stand for?",
        "In “La vie en rose”, who sings?",
        "Define osmosis.",
        "Describe cell division in animals.",
        "Bạch Đằng",
        "Who were Rafael Nadal and Novak Djoković?",
    ],
)
def test_english_with_names_and_symbols_is_english(text: str) -> None:
    assert not is_foreign(text, EN, question=text.endswith("?"))


@pytest.mark.parametrize(
    "text",
    ["叶绿素a和叶绿素b", "DNA和RNA有什么区别？", "β-胡萝卜素是什么？", "谁写了《The Origin of Species》？", "の字"],
)
def test_chinese_with_names_and_symbols_is_chinese(text: str) -> None:
    assert not is_foreign(text, ZH, question=True)


def test_what_the_material_holds_may_be_in_any_language() -> None:
    assert is_foreign("Санкт-Петербург", EN)
    assert not is_foreign("Санкт-Петербург", EN, "It is called Санкт-Петербург in Russian.")
