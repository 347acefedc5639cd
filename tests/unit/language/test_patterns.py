"""Long expressions are looked for in small letters first, and find what they find without that."""

from __future__ import annotations

import re

import pytest

from services.language.en_references import PASSAGE_REFERENCE
from services.language.patterns import CAPITAL, WordPattern, one_of

TEXTS = [
    "In the passage, the leaves are green.",
    "ACCORDING TO THE TEXT, leaves are green.",
    "As shown in Figure A, it rises, and figure a shows no more.",
    "See Table IV and page 3 of 20.",
    "The author’s view is given above, in the foregoing and in what follows.",
    "We have just learned it by this way; recall what was said.",
    "The sentence in full: water boils at 100 degrees.",
    "The report of 1990 names a lake.",
    "ſee the paſſage; the \u212aing of the text of 1500",
    "The King says nothing.",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_small_letters_change_nothing(text: str) -> None:
    plain = [found.span() for found in PASSAGE_REFERENCE.compiled.finditer(text)]
    assert [found.span() for found in PASSAGE_REFERENCE.finditer(text)] == plain
    found = PASSAGE_REFERENCE.search(text)
    assert (found and found.span()) == (plain[0] if plain else None)


def test_a_text_without_the_words_is_not_searched() -> None:
    pattern = WordPattern(rf"\bplate {CAPITAL}\b", frozenset({"plate"}))
    assert pattern.search("Plate B")
    assert not pattern.search("Plate b")
    assert not pattern.search("PLATO B")


def test_the_first_of_several_counts() -> None:
    text = one_of([r"\ba b", r"\ba", r"(?:^|, )c d", r"\bc", "d"])
    assert text == r"\b(?:a b|a)|(?:^|, )c d|\b(?:c)|d"
    assert re.findall(text, "a b, c d, ac d a") == ["a b", ", c d", "a", "d", "a"]


def test_an_expression_for_small_letters_names_no_other() -> None:
    plain = re.sub(r"\\.|\(\?P<\w+>", "", PASSAGE_REFERENCE.text.replace(CAPITAL, ""))
    assert plain == plain.lower()
