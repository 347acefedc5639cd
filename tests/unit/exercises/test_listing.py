"""Lists inside sentences."""

from __future__ import annotations

import pytest

from services.exercises.domain.text.enumerations import list_rank, stand_in_list
from services.language.en import ENGLISH
from services.language.zh import CHINESE


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        (["河流水", "淡水湖泊水", "浅层地下水"], "人类容易利用的是河流水、淡水湖泊水和浅层地下水。"),
        (["浅层地下水", "河流水"], "人类容易利用的是河流水、淡水湖泊水和浅层地下水。"),
        (["hydrogen ions", "electrons", "oxygen"], "Enzymes split water into hydrogen ions, electrons and oxygen."),
        (["red", "blue"], "Chlorophyll absorbs red light and blue light."),
        (["Animals", "fungi"], "Animals and fungi are heterotrophs."),
        (["DNA", "RNA", "蛋白质"], "病毒只含有DNA、RNA和蛋白质。"),
        (["RNA", "DNA"], "核酸分为DNA和RNA两类。"),
    ],
)
def test_members_of_one_list_stand_together(items: list[str], sentence: str) -> None:
    assert stand_in_list(items, sentence)


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        (["RuBisCO", "Photosynthesis"], "RuBisCO is thought to be the most abundant enzyme on Earth."),
        (["roots", "sugar"], "Veins bring water from the roots through the xylem and carry sugar away."),
        (["水汽", "雨雪"], "重力使水汽凝结成的雨雪降落到地面。"),
        (["冲积平原", "峡谷"], "流水侵蚀形成峡谷和沟壑，流水沉积形成冲积平原和三角洲。"),
        (["河流水"], "人类容易利用的是河流水、淡水湖泊水。"),
        (["ion", "electron"], "Enzymes split water into ions and electrons."),
    ],
)
def test_what_is_said_apart_is_no_list(items: list[str], sentence: str) -> None:
    assert not stand_in_list(items, sentence)


def test_sentences_are_ranked_by_how_likely_they_list_something() -> None:
    assert list_rank("常见的做法有透水铺装、雨水花园和人工湿地。", CHINESE) == 2
    assert list_rank("流水侵蚀形成峡谷和沟壑。", CHINESE) == 1
    assert list_rank("太阳辐射使水蒸发成水汽。", CHINESE) == 0
    assert list_rank("Enzymes split water into hydrogen ions, electrons and oxygen.", ENGLISH) == 2
    assert list_rank("Animals and fungi eat.", ENGLISH) == 1
    assert list_rank("A leaf is an organ that catches light.", ENGLISH) == 0
