from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.docs.normalizing import detect_language, join_lines, normalize


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a\r\nb\rc\u2028d\x0ce", "a\nb\nc\nd\ne"),
        ("cafe\u0301", "caf\u00e9"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffmark", "softhyphen zerowidth mark"),
        ("tab\tnbsp\u00a0wide\u3000end  \nnext", "tab nbsp wide end\nnext"),
        ("a\n\n\n\nb", "a\n\nb"),
        ("\u3000\u3000第一段", "第一段"),
        ("bell\x07 nul\x00", "bell nul"),
        ("\uf0b7 item", "• item"),
        ("broken \ud800 pair", "broken \ufffd pair"),
        ("ＡＢＣ，。", "ＡＢＣ，。"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_normal_form(source: str, expected: str) -> None:
    assert normalize(source) == expected


@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_normalizing_is_idempotent_and_storable(source: str) -> None:
    text = normalize(source)
    assert normalize(text) == text
    assert unicodedata.is_normalized("NFC", text)
    assert text.encode("utf-8").decode("utf-8") == text
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in text if char != "\n")


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


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("光合作用是绿色植物利用光能的过程。", "zh"),
        ("The cell is the basic unit of life, and it is small.", "en"),
        ("DNA 是遗传物质，RNA 参与蛋白质的合成，ATP 提供能量。", "zh"),
        ("これは日本語の文章です。漢字も使います。", "ja"),
        ("세포는 생명의 기본 단위이다.", "ko"),
        ("Клетка является основной единицей жизни.", "und"),
        ("La cellule est l'unité de base de la vie et elle contient le noyau qui porte des gènes; " * 3, "und"),
        ("123 + 456", "und"),
        ("Newton", "en"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert detect_language(text) == language
