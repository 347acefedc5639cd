from __future__ import annotations

import pytest

from services.language.detection import language_of
from services.language.terms import coverage, terms


def test_inflection_and_case_do_not_matter() -> None:
    assert terms("The Cells divided") == terms("a cell divides") == terms("CELL, dividing!")


def test_function_words_carry_nothing() -> None:
    assert terms("What is the difference between them?") == terms("difference")
    assert terms("这是什么？") == frozenset()


def test_words_that_count_say_which_thing_is_meant() -> None:
    assert terms("Which was the second of them?") == terms("second")
    assert coverage(terms("Who won the first war?"), terms("He won the second war.")) < 1.0


def test_chinese_becomes_bigrams_cut_at_function_words() -> None:
    assert terms("光合作用的阶段") == {"光合", "合作", "作用", "阶段"}


def test_traditional_characters_are_told_as_simplified_ones() -> None:
    assert terms("光合作用的階段") == terms("光合作用的阶段")
    assert terms("這是什麼？") == terms("為什麼？") == frozenset()
    assert coverage(terms("什麼是蒸騰作用？"), terms("植物的蒸腾作用")) == 1.0


def test_full_width_forms_equal_plain_ones() -> None:
    assert terms("ＤＮＡ ３") == terms("dna 3")


def test_numbers_keep_their_parts() -> None:
    assert "3.5" in terms("It is 3.5 km long.")


def test_bigrams_that_straddle_words_do_not_count_against_a_text() -> None:
    assert coverage(terms("什么是蒸腾作用？"), terms("植物蒸腾")) == 0.5
    assert coverage(terms("DNA 复制"), terms("dna")) == 0.5


def test_coverage_is_a_share() -> None:
    assert coverage(terms("cell wall"), terms("The walls of cells")) == 1.0
    assert coverage(terms("cell wall"), terms("the cell")) == 0.5
    assert coverage(frozenset(), terms("x")) == 0.0


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is water?", "en"),
        ("水是什么", "zh"),
        ("什么是 DNA?", "zh"),
        ("Why 水?", "en"),
        ("42", "en"),
        ("", "en"),
    ],
)
def test_the_language_of_a_question(text: str, language: str) -> None:
    assert language_of(text) == language
