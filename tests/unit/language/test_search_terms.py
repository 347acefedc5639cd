from __future__ import annotations

import pytest

from services.language.search_terms import Sought, folded, search_terms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cells CELL", "cell cells"),
        ("ＤＮＡ", "dna"),
        ("臺灣的圖書館", "台湾的图书馆"),
        ("naïve café", "naive cafe"),
        ("H₂O", "h2o"),
        ("1,000,000 people", "1000000 people"),
        ("ﬁne ﬂow", "fine flow"),
        ("ǅ", "ǆ"),
        ("ガ", "ｶﾞ"),
    ],
)
def test_what_is_written_in_two_ways_is_found_by_either(one: str, other: str) -> None:
    assert search_terms(one) == search_terms(other)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Photosynthesis needs light.", {"photosynthesi": 1, "need": 1, "light": 1}),
        ("光合作用", {"光合": 1, "合作": 1, "作用": 1}),
        ("用DNA测序", {"dna": 1, "测序": 1}),
        ("2024年GDP增长5.2%", {"2024": 1, "gdp": 1, "增长": 1, "5": 1, "2": 1}),
        ("東京タワー", {"东京": 1, "京タ": 1, "タワ": 1, "ワー": 1}),
        ("한국어", {"한국": 1, "국어": 1}),
        ("हिन्दी में", {"हिन्दी": 1, "में": 1}),
        ("good 🙂🙂 → better", {"good": 1, "🙂": 2, "→": 1, "better": 1}),
        ("snake_case x=1", {"snake": 1, "case": 1, "x": 1, "1": 1}),
    ],
)
def test_words_are_stems_pairs_and_symbols(text: str, words: dict[str, int]) -> None:
    assert search_terms(text).words == words


def test_single_characters_are_counted_where_no_spaces_stand() -> None:
    assert search_terms("水的水 water").characters == {"水": 2, "的": 1}


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Which cells need sunlight?", "Every cell needs water; sun light is another matter."),
        ("光合作用需要什么？", "臺灣的植物靠光合作用，不需要 water。"),
        ("用DNA测序的人有 12 个", "DNA 測序在 2012 年，12 個人。ab"),
        ("ab 한국어 🙂", "a b 한국 국어 🙂🙂 abc"),
        ("dying skies, studies", "They die in the sky and study."),
    ],
)
def test_what_a_text_holds_of_a_question_is_what_their_terms_share(question: str, text: str) -> None:
    wanted = search_terms(question).words
    assert Sought(wanted).held_by(text) == wanted.keys() & search_terms(text).words.keys()


@pytest.mark.parametrize("text", ["", " \n", "…、。!?", "\u200b"])
def test_a_text_without_words_has_no_terms(text: str) -> None:
    terms = search_terms(text)
    assert (terms.words, terms.characters, terms.length) == ({}, {}, 0)


def test_a_very_long_word_is_found_by_its_beginning() -> None:
    (term,) = search_terms("x" * 100_000).words
    assert len(term) == 64


def test_length_is_counted_in_words() -> None:
    assert search_terms("one two three").length == 3
    assert search_terms("光合作用需要光").length == pytest.approx(0.65 * 7)


def test_what_is_folded_stays_folded() -> None:
    text = "Ｔhe 臺灣 café, 1,000 İstanbul ﬁn ½ ㍿"
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (["膜", "水", "光合"], "细胞膜，光合作用。"),
        (["ab", "b", "水"], "水ab 水b"),
        (["한", "국어", "🙂", "abc"], "한국 국어 🙂 abcd"),
    ],
)
def test_single_characters_are_held_where_no_spaces_stand(wanted: list[str], text: str) -> None:
    terms = search_terms(text)
    assert Sought(wanted).held_by(text) == set(wanted) & (terms.words.keys() | terms.characters.keys())
