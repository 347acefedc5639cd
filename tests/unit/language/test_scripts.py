from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.language.scripts import (
    LATIN,
    in_known_script,
    is_cjk,
    is_han,
    join_lines,
    mostly_han,
    plain_words,
    says_something,
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("光合", "作用", "光合作用"),
        ("light", "energy", "light energy"),
        ("产生", "ATP", "产生 ATP"),
        ("他说", "“好”", "他说“好”"),
        ("said", "“Yes”", "said “Yes”"),
        ("“Yes”", "“No”", "“Yes” “No”"),
        ("", "alone", "alone"),
    ],
)
def test_joining_lines(before: str, after: str, expected: str) -> None:
    assert join_lines(before, after) == expected


@pytest.mark.parametrize(("char", "han", "cjk"), [("水", True, True), ("𠮷", True, True), ("。", False, True)])
def test_what_is_chinese(char: str, han: bool, cjk: bool) -> None:
    assert (is_han(char), is_cjk(char)) == (han, cjk)


@pytest.mark.parametrize("char", ["a", "1", ".", "é", "я", " "])
def test_what_is_not(char: str) -> None:
    assert not is_han(char)
    assert not is_cjk(char)


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("水是什么", True),
        ("什么是 DNA?", True),
        ("HTTP 是超文本传输协议（HyperText Transfer Protocol）的缩写。", True),
        ("Why 水?", False),
        ("The word 光合作用 means photosynthesis in Chinese.", False),
        ("Это слово 水.", False),
        ("3 × 4 = 12", False),
        ("", False),
    ],
)
def test_an_ideograph_weighs_as_much_as_a_word(text: str, chinese: bool) -> None:
    assert mostly_han(text) is chinese


@pytest.mark.parametrize("text", ["a?", "7", "水？", "ก?", "∑?", "🌱"])
def test_a_letter_a_digit_or_a_symbol_says_something(text: str) -> None:
    assert says_something(text)


@pytest.mark.parametrize("text", ["", " \t", "???", "。，！", "<~> $^`|", "¿?"])
def test_punctuation_says_nothing(text: str) -> None:
    assert not says_something(text)


@pytest.mark.parametrize("text", ["water", "水", "1984?", "Où?", "ATP คือ", "…"])
def test_scripts_of_known_languages(text: str) -> None:
    assert in_known_script(text)


@pytest.mark.parametrize("text", ["การสังเคราะห์ด้วยแสง", "Что такое вода?", "광합성", "คือ a"])
def test_other_scripts(text: str) -> None:
    assert not in_known_script(text)


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("水中㐀鿿豈﫿𠀀𿿽𣏒aé 🙂。，가")))
def test_ideographs_count_as_one_after_the_other_would(text: str) -> None:
    words = re.findall("[A-Za-zÀ-ÖØ-öø-ӿ]+", text)
    assert mostly_han(text) is (sum(map(is_han, text)) > len(words))


@given(st.text(alphabet=st.one_of(st.sampled_from("abZ é“”水Øɏɐ\ud800😀ﬁ\n.-\0\x9f"), st.characters())))
def test_plain_words_are_those_that_an_expression_finds(text: str) -> None:
    found = [word.lower() for word in re.findall(f"[{LATIN}]+", text)]
    assert plain_words(text) == (found if all(map(str.isascii, found)) else None)
