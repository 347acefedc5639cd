"""Texts for people: the language that a reader accepts, and what is filled in."""

from __future__ import annotations

import pytest

from services.language.wording import Wording

WORDING = Wording({"en": {"A": "at most {limit} {what}", "A.b": "more"}, "zh": {"A": "最多 {limit}"}})


@pytest.mark.parametrize(
    ("accepted", "text"),
    [
        ("", "at most"),
        ("zh", "最多"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "最多"),
        ("en-US,en;q=0.9,zh;q=0.8", "at most"),
        ("fr-FR, fr;q=0.9, zh-Hant-TW;q=0.5", "最多"),
        ("en;q=0.3, ZH-cn;q=0.7", "最多"),
        ("zh;q=0, en;q=0.1", "at most"),
        ("fr, de", "at most"),
        ("*", "at most"),
        (";;;zh", "at most"),
        ("q=1, , zh", "最多"),
    ],
)
def test_the_language_that_a_reader_likes_best(accepted: str, text: str) -> None:
    assert WORDING.text(accepted, ["A"], {"limit": "1"}).startswith(text)


def test_the_first_key_with_a_text_wins_and_numbers_are_grouped() -> None:
    assert WORDING.text("", ["A.b", "A"], {}) == "more"
    assert WORDING.text("", ["A.c", "A"], {"limit": "1200000", "what": "x{limit}"}) == "at most 1,200,000 x{limit}"
    assert WORDING.text("", ["B"], {"name": "7"}, "a {name} of {other}") == "a 7 of {other}"
