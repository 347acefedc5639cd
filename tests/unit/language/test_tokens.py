"""The estimate of tokens."""

from __future__ import annotations

import pytest

from services.language.tokens import LEAST_PER_CHARACTER, cautious_tokens, estimate_tokens
from tests.unit.exercises.fakes import material


def test_estimate_is_additive_over_words_and_never_negative() -> None:
    zh, en = material("zh"), material("en")
    assert estimate_tokens("") == 0
    assert estimate_tokens(zh + en) == pytest.approx(estimate_tokens(zh) + estimate_tokens(en))
    assert 150 < estimate_tokens("光" * 220) < 165


@pytest.mark.parametrize("char", ["光", "a", "7", "é", "。", "か", "😀"])
def test_no_character_costs_less_than_the_least(char: str) -> None:
    assert estimate_tokens(char * 50) / 50 >= LEAST_PER_CHARACTER


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("", 1, 1), ("水" * 100, 80, 90), ("water is blue " * 100, 400, 500), ("a" * 300, 90, 110), ("1234567890", 8, 10)],
)
def test_a_cautious_number_lies_above_and_not_by_much(text: str, least: int, most: int) -> None:
    assert least <= cautious_tokens(text) <= most
