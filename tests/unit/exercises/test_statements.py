"""Statements: a retold one adds and drops nothing, an exchanged one is false indeed."""

from __future__ import annotations

import pytest

from services.exercises.domain.text.statements import (
    contradicts,
    exchanged,
    is_open,
    is_verbatim,
    mentions,
    says_the_same,
    undone,
)
from services.exercises.values.question import Substitution
from services.language.detection import LANGUAGES

MATERIAL = {
    "zh": "植物通过气孔散发水汽。水蒸气遇冷凝结。降水渗入土壤，地表径流流入海洋水。河流水很少。",
    "en": "Chlorophyll absorbs red light. Stomata let gases in. The stroma holds enzymes, steam and water vapour.",
}


@pytest.mark.parametrize(
    ("statement", "source"),
    [
        ("水循环的根本能量来自太阳辐射。", "水循环的根本能量来自太阳辐射。"),
        ("根本能量来自太阳辐射", "水循环的根本能量来自太阳辐射。"),
        ("A pigment absorbs some wavelengths.", "A pigment is a substance that absorbs some of these wavelengths."),
        ("Coal and oil are remains of organisms.", "Coal, oil and gas are the remains of organisms."),
    ],
)
def test_a_statement_in_nearly_the_words_of_its_source_says_the_same(statement: str, source: str) -> None:
    assert says_the_same(statement, source)


@pytest.mark.parametrize(
    ("statement", "source"),
    [
        # What small models made of the source, and called true.
        ("RuBisCO joins oxygen to RuBP.", "RuBisCO sometimes joins oxygen to RuBP instead of carbon dioxide."),
        (
            "Respiration and photosynthesis are different processes that occur in different cells.",
            "Respiration goes on in every living cell, while photosynthesis happens only in cells with chloroplasts.",
        ),
        ("淡水占全球总水量的2.5%。", "淡水只占全球总水量的2.5%左右"),
        ("海洋的降水量大于蒸发量。", "海洋的蒸发量大于降水量。"),
        ("淡水占全球总水量的25%。", "淡水占全球总水量的2.5%。"),
        ("海平面有明显的升降。", "海平面不会有明显的升降。"),
        # A number in the place of another, and a denial beside one that the source has.
        ("The strike lasted from 1911 to 1911 in Ribe.", "The strike lasted from 1908 to 1911 in Ribe."),
        ("The strike closed four of the harbors.", "The strike closed two of the harbors."),
        ("罢工从1911年持续到1911年。", "罢工从1908年持续到1911年。"),
        (
            "Roots that do not reach the water are not kept alive by fungi.",
            "Roots that do not reach the water are kept alive by fungi.",
        ),
        ("不到水面的根不是由真菌养活的。", "不到水面的根是由真菌养活的。"),
        ("!!", "水。"),
    ],
)
def test_a_statement_that_drops_turns_or_adds_something_does_not(statement: str, source: str) -> None:
    assert not says_the_same(statement, source)


@pytest.mark.parametrize(
    ("statement", "old", "new", "expected"),
    [
        ("水循环的能量来自太阳辐射。", "太阳辐射", "重力", "水循环的能量来自重力。"),
        ("始于2015年，共15年。", "15", "20", "始于2015年，共20年。"),
        ("It holds an enzyme.", "enzyme", "pigment", "It holds a pigment."),
        ("Stomata open.", "stomata", "veins", "Veins open."),
        ("The plants plant.", "plant", "leaf", "The plants leaf."),
        ("光合作用需要光。", "光", "水", None),
        ("光合作用。", "暗", "水", None),
        ("光合作用。", "作用", "。", None),
    ],
)
def test_a_thing_is_exchanged_where_it_has_one_place(statement: str, old: str, new: str, expected: str | None) -> None:
    assert exchanged(statement, old, new) == expected
    if expected is not None:
        back = undone(expected, Substitution(old, new))
        assert back is not None
        assert back.casefold() == statement.casefold()


@pytest.mark.parametrize(
    ("language", "source", "old", "new", "false"),
    [
        # Names of the same, or a wider word: still true.
        ("zh", "植物通过气孔散发水汽。", "水汽", "水蒸气", False),
        ("zh", "植物通过气孔散发水汽。", "水汽", "汽", False),
        # Nobody knows whether that is another thing.
        ("zh", "植物通过气孔散发水汽。", "气孔", "小洞", False),
        ("zh", "植物通过气孔散发水汽。", "气孔", "土壤", True),
        ("zh", "降水形成地表径流。", "地表径流", "地下径流", True),
        ("zh", "降水形成河流水。", "河流水", "海洋水", True),
        ("zh", "降水形成河流水。", "降水", "河流", False),
        ("zh", "植树造林使下渗增加。", "增加", "减少", True),
        ("zh", "植树造林使下渗增加。", "使", "不使", True),
        ("zh", "植树造林不使下渗增加。", "使", "不使", False),
        ("zh", "植物往往通过气孔散发水汽。", "气孔", "土壤", False),
        ("zh", "淡水占2.5%。", "2.5%", "3.5%", True),
        ("zh", "淡水约占2.5%。", "2.5%", "2.6%", False),
        ("zh", "淡水占2.5%。", "2.5%", "2.5‰", False),
        ("zh", "超过700人。", "700", "500", False),
        ("en", "Stomata let gases in.", "Stomata", "Enzymes", True),
        ("en", "Stomata let gases in.", "Stomata", "Stoma", False),
        ("en", "The leaf gives off water vapour.", "water vapour", "steam", True),
        ("en", "The rate rises in bright light.", "bright light", "dim light", True),
        ("en", "The rate rises in bright light.", "rises", "falls", True),
        ("en", "The rate rises in bright light.", "rises", "climbs", False),
        ("en", "It takes 12 molecules.", "12", "18", True),
        ("en", "It lies between 25 and 35 °C.", "35 °C", "45 °C", False),
    ],
)
def test_an_exchange_contradicts_when_it_is_another_thing_for_sure(
    language: str, source: str, old: str, new: str, *, false: bool
) -> None:
    statement = exchanged(source, old, new)
    assert statement is not None
    known = mentions(MATERIAL[language], new)
    assert contradicts(Substitution(old, new), statement, source, LANGUAGES.by_code(language), known=known) is false


def test_a_sentence_that_leaves_room_is_open() -> None:
    assert is_open("主要由夏季风带来。")
    assert is_open("Some plants open their stomata at night.")
    assert not is_open("太阳辐射使水蒸发。")
    assert not is_open("如果没有光，反应就停止。")


def test_a_decimal_point_is_more_than_punctuation() -> None:
    assert is_verbatim("The Sea holds 2.5 % fresh water", "the sea holds 2.5% fresh water.")
    assert not is_verbatim("淡水占全球总水量的25%。", "淡水占全球总水量的2.5%。")
