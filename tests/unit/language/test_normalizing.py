from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.language.folding import normalize


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
