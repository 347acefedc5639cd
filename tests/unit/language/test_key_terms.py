"""Key terms: whole noun phrases with the right category, in both languages."""

from __future__ import annotations

import pytest

from services.language.detection import LANGUAGES
from services.language.key_terms import Category, index_terms
from services.language.segmentation import Dictionary
from services.language.zh import dictionary


def terms_of(*sentences: str, language: str) -> dict[str, Category]:
    index = index_terms(sentences, LANGUAGES.by_code(language).key_terms)
    for sentence, occurrences in zip(sentences, index.occurrences, strict=True):
        for occurrence in occurrences:
            shown = sentence[occurrence.start : occurrence.end]
            assert shown.casefold() == occurrence.term.text.casefold()
    return {term.text: term.category for term in index.terms}


def test_english_phrases_names_and_numbers() -> None:
    found = terms_of(
        "In 1961, Melvin Calvin received the Nobel Prize for his work on carbon fixation.",
        "Chlorophyll absorbs red light in the thylakoid membrane.",
        "The turbine runs at 1800 revolutions and the ATP is used by the cell.",
        language="en",
    )
    assert found["Melvin Calvin"] is Category.NAME
    assert found["1961"] is Category.YEAR
    assert found["1800"] is Category.NUMBER
    assert found["ATP"] is Category.ACRONYM
    assert found["thylakoid membrane"] is Category.CONCEPT
    assert found["revolutions"] is Category.PLURAL
    assert not {"absorbs", "received", "used", "red", "work"} & found.keys()


def test_possessives_verbs_after_to_and_words_capital_in_titles_only_are_no_terms() -> None:
    found = terms_of(
        "Edison's company agreed to finance the Light Machine Works of Tesla.",
        "The machine of Tesla produced a strong magnetic field.",
        language="en",
    )
    assert not {"Edison's", "Edison's company", "finance"} & found.keys()
    assert "Machine" not in found


def test_chinese_terms_are_whole_and_units_and_years_are_told_apart() -> None:
    found = terms_of(
        "1864 年，萨克斯证明光合作用的产物中有淀粉。",
        "类囊体薄膜上分布着色素，类囊体堆叠成基粒。",
        "无氧呼吸是指细胞在缺氧条件下分解葡萄糖，产生 2 个 ATP。",
        language="zh",
    )
    assert found["1864"] is Category.YEAR
    assert found["2"] is Category.NUMBER
    assert found["ATP"] is Category.ACRONYM
    assert {"光合作用", "淀粉", "色素", "葡萄糖"} <= found.keys()
    assert not {"指细胞", "类囊", "年"} & found.keys()


def test_a_word_that_recurs_beside_the_same_character_is_widened() -> None:
    found = terms_of(
        "卡尔文循环在基质中进行。", "有氧呼吸产生能量。", "有氧呼吸需要氧气。", "有氧呼吸分为三个阶段。", language="zh"
    )
    assert "有氧呼吸" in found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("光合作用是绿色植物的特征", ["光合作用", "是", "绿色植物", "的", "特征"]),
        ("ATP和水", ["和", "水"]),
        ("", []),
    ],
)
def test_segmentation_covers_the_chinese_runs(text: str, words: list[str]) -> None:
    cut = dictionary().cut(text)
    assert [word.text for word in cut] == words
    assert all(text[word.start : word.end] == word.text for word in cut)


def test_the_most_probable_path_wins() -> None:
    small = Dictionary(["研究 100 vn", "研究生 50 n", "生命 100 n", "命 1 n", "起源 50 n"])
    assert [word.text for word in small.cut("研究生命起源")] == ["研究", "生命", "起源"]
