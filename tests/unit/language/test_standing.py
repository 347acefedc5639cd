"""How much an English sentence leans on others, by its form."""

from __future__ import annotations

import pytest

from services.language.en_standing import leaning


@pytest.mark.parametrize(
    "text",
    [
        "Copper conducts electricity better than iron does.",
        "The nucleus of a cell holds most of its DNA.",
        "The cell membrane lets water pass in both directions.",
        "In 1588, the pirates of Ribe burned three warehouses in the harbor of Husum.",
        "Anna Brandt painted her first portraits in Lund in 1921.",
        "After his return from Lund, Karl Munk opened a bakery in 1902.",
        "A baker who sells his bread at the market pays a fee.",
        "The Treaty of Ribe was signed on 14 March 1460 by both counties of Holstein.",
        "In 1902 Karl Munk moved to Lund, and two years later he opened a bakery there with Jens Dahl.",
        "Lund University was founded in 1666 by the bishop Peder Winstrup.",
        "The largest harbor in Denmark lies at Aarhus.",
    ],
)
def test_a_sentence_that_says_what_it_speaks_of_does_not_lean(text: str) -> None:
    assert leaning(text) <= 0.4


@pytest.mark.parametrize(
    "text",
    [
        "The ferry was repainted, and the captain hired a crew for the summer.",
        "On 14 March, the fishermen of Husum left the harbor of Ribe.",
        "Two years later, Karl Munk sold the bakery to Jens Dahl.",
        "In the following season, Lund beat Malmö by three goals.",
        "During the last years of his life, the bakery in Lund was closed by Munk.",
        "By that time, Karl Munk had sold every bakery in Lund.",
        "Karl Munk recorded the album after the band had left the studio.",
        "Critics praised Karl Munk for it.",
        "Filming began with thirty actors and a tame bear.",
        "It was the show that the critics liked best.",
        "The club won by three goals.",
        "The strait froze, and the merchants walked across the ice to the island.",
    ],
)
def test_a_sentence_that_does_not_say_what_it_speaks_of_leans(text: str) -> None:
    assert leaning(text) >= 0.75


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Karl Munk sold bread in Lund in 1902.", "Karl Munk also sold bread in Lund in 1902."),
        ("Karl Munk sold bread in Lund in 1902.", "Karl Munk sold larger loaves in Lund in 1902."),
        ("Iron conducts heat.", "We heat iron in our kitchens."),
        ("In 1588 Kylling sailed to Ribe.", "Kylling sailed to the town in March 1588."),
        ("Munk beat Dahl by two goals in Lund.", "Munk won by two goals."),
    ],
)
def test_what_goes_on_or_compares_leans_more(text: str, other: str) -> None:
    assert leaning(text) < leaning(other) < 1
