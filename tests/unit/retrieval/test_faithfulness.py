"""A statement that says otherwise than the sentence it cites is seen, and one that only says it otherwise is not."""

from __future__ import annotations

import pytest

from services.retrieval.domain.answering.faithfulness import contradicts

BOILS = "It boils at 100 degrees Celsius at sea level."
PARIS = "The treaty was signed on 10 February 1763 in Paris."
HIRED = "Edison hired Tesla in 1884."
ZHANG = "汉武帝于公元前138年派张骞出使西域。"
FOREST = "Forests cover 20% of the land."

CONTRADICTED = [
    ("Water boils at 90 degrees Celsius.", BOILS),
    ("It does not boil at 100 degrees Celsius at sea level.", BOILS),
    ("The treaty was signed in 1764.", PARIS),
    ("The treaty was signed on 11 February 1763.", PARIS),
    ("Tesla hired Edison in 1884.", HIRED),
    ("Edison hired Tesla in 1885.", HIRED),
    ("张骞于公元前139年出使西域", ZHANG),
    ("张骞在公元前一百三十九年出使西域。", ZHANG),
    ("25 percent of the land is forest.", FOREST),
    ("Twelve people died in the fire.", "6 people died in the fire."),
    ("Plants never absorb green light.", "Plants absorb green light."),
    ("Plants absorb green light.", "Plants do not absorb green light."),
    ("The castle was built in the 19th century.", "The castle was built in the 18th century."),
    ("甲国战胜了乙国。", "乙国战胜了甲国。"),
    ("蔺相如负荆请罪于廉颇。", "廉颇负荆请罪于蔺相如。"),
    ("植物细胞没有叶绿体。", "植物细胞有叶绿体。"),
    ("叶绿体不是光合作用的场所。", "叶绿体是光合作用的场所。"),
    ("全市人口为五万。", "全市人口为3万。"),
    ("水在90摄氏度沸腾。", "水在100摄氏度沸腾。"),
]
FAITHFUL = [
    ("Water boils at 100 degrees Celsius.", BOILS),
    ("At sea level, it boils at 100 °C.", BOILS),
    ("The treaty was signed in February 1763.", PARIS),
    ("It was signed in 1763.", PARIS),
    ("Tesla was hired by Edison in 1884.", HIRED),
    ("张骞于公元前138年出使西域", ZHANG),
    ("公元前一三八年，张骞出使西域。", ZHANG),
    ("20 percent of the land is forest.", FOREST),
    ("Six people died.", "6 people died in the fire."),
    ("About 5,000 people lived there.", "In 1990, 4,987 people lived there."),
    ("The bridge is open.", "The bridge is open, not closed."),
    ("Penguins are unable to fly.", "Penguins cannot fly."),
    ("The war lasted six years.", "The war lasted from 1914 to 1920."),
    ("The first of the three towers is 80 m high.", "The towers are 80 m, 70 m and 60 m high."),
    ("Einstein refined what Newton had found.", "Newton found gravity, and Einstein refined it."),
    ("全市人口约三万。", "全市人口为30125人。"),
    ("光合作用需要光照。", "光合作用需要光照和叶绿素，不需要土壤。"),
    ("中国面积约960万平方公里。", "中国面积约960万平方千米。"),
]


GLUCOSE = (
    "To make one molecule of glucose, six molecules of carbon dioxide must be fixed. "
    "This takes eighteen molecules of ATP and twelve molecules of NADPH."
)


@pytest.mark.parametrize(
    ("statement", "holds"),
    [
        ("Six molecules of ATP are needed.", False),
        ("It takes 12 molecules of ATP and 18 molecules of NADPH.", False),
        ("It takes 18 molecules of ATP and 12 molecules of NADPH.", True),
        ("Eighteen molecules of ATP are needed for a molecule of glucose.", True),
        ("Six molecules of oxygen are set free.", True),
        ("About six molecules of ATP are needed.", True),
        ("Six steps are needed.", True),
        ("Five kilograms of the crop are sold, three kilograms of seed are kept.", True),
        ("A field of wheat gives 2 tons of grain.", False),
    ],
)
def test_a_thing_has_the_number_that_the_passages_give_it(statement: str, holds: bool) -> None:
    """Though the number stands there, of another thing."""
    quote, fields = GLUCOSE.split(". ")[0], "A field gives three tons of grain and two tons of straw."
    assert contradicts(statement, quote, [GLUCOSE, fields, "a question"]) is not holds


def test_a_range_is_whole_wherever_it_stands_in_a_long_passage() -> None:
    said = "7 to 10 percent of American physicians dispense drugs."
    for before in range(300, 420, 4):
        passage = f"{'A word or two. ' * 40}"[:before].rsplit(".", 1)[0] + f". {said} It goes on."
        assert not contradicts(said, said, [passage, "a question"])


@pytest.mark.parametrize(("statement", "quote"), CONTRADICTED)
def test_another_figure_name_or_denial_contradicts(statement: str, quote: str) -> None:
    assert contradicts(statement, quote, [quote, "a question"])


@pytest.mark.parametrize(("statement", "quote"), FAITHFUL)
def test_other_words_for_the_same_do_not(statement: str, quote: str) -> None:
    assert not contradicts(statement, quote, [quote, "a question"])


def test_a_figure_of_another_passage_or_of_the_question_is_none_that_the_source_contradicts() -> None:
    statement = "In 1990, water boiled at 95 degrees Celsius."
    assert contradicts(statement, BOILS, [BOILS])
    assert not contradicts(statement, BOILS, [BOILS, "On the peak, it boils at 95 degrees Celsius.", "In 1990?"])


@pytest.mark.parametrize(
    ("statement", "quote"),
    [
        ("The city has 12,000,000 people.", "The city has 12 million people."),
        ("这座城市有一千二百万人。", "这座城市有12,000,000人。"),
        ("这座城市有1200万人。", "这座城市有一千二百万人。"),
        ("The tax is 3.5% of the price.", "The tax is 0.035 of the price."),
        ("Half of it, 50%, is water.", "1/2 of it is water."),
        ("占总数的50%。", "占总数的二分之一。"),
        ("The wall is 2 km long.", "The wall is 2000 m long."),
        ("It was built in the 19th century.", "It was built in the nineteenth century."),
        ("It was built in the 19th century.", "It was built in 1887."),
        ("Water boils at 212 °F.", "Water boils at 100 °C."),
    ],
)
def test_a_figure_in_another_notation_is_the_same_figure(statement: str, quote: str) -> None:
    assert not contradicts(statement, quote, [quote])
    assert not contradicts(quote, statement, [statement])


@pytest.mark.parametrize(
    ("statement", "quote"),
    [
        ("这座城市有一千三百万人。", "这座城市有12,000,000人。"),
        ("The tax is 4.5% of the price.", "The tax is 3.5% of the price."),
        ("The wall is 3 km long.", "The wall is 2 km long."),
        ("The wall is 2.46 km long.", "The wall is 2,640 m long."),
        ("It was built in the 20th century.", "It was built in 1887."),
        ("It was built in 1987.", "It was built in the 19th century."),
        ("占总数的三分之一。", "占总数的二分之一。"),
    ],
)
def test_another_figure_contradicts_in_any_notation(statement: str, quote: str) -> None:
    assert contradicts(statement, quote, [quote])
