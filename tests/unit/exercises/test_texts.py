"""Normal form, sentences, quotes and languages."""

from __future__ import annotations

import pytest

from services.exercises.domain.generation.material import passages_of_text
from services.exercises.domain.text.sentences import split, surroundings
from services.exercises.values.question import Passage
from services.kit.errors import InvalidArgument
from services.language.detection import fits, language_of
from services.language.en import ENGLISH
from services.language.folding import flatten, normalize
from services.language.quotes import locate
from services.language.zh import CHINESE
from tests.unit.exercises.fakes import material


def test_normal_form_is_stable_and_hides_nothing() -> None:
    raw = "\ufeffe\u0301tude\r\nLine\u00a0two\u200b\x00\r\n\r\n\r\n\r\nEnd \t\n"
    assert normalize(raw) == "étude\nLine two\n\nEnd"
    assert normalize(normalize(raw)) == normalize(raw)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("一句话。第二句！第三句？", ["一句话。", "第二句！", "第三句？"]),
        ("He said “no.” Then he left.", ["He said “no.”", "Then he left."]),
        (
            "Dr. Calvin won in 3.5 days, e.g. quickly. He left.",
            ["Dr. Calvin won in 3.5 days, e.g. quickly.", "He left."],
        ),
        ("# 标题\n正文开始。", ["标题", "正文开始。"]),
        ("- first item\n- second item", ["first item", "second item"]),
        ("1. 水。\n2. 光。", ["水。", "光。"]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert [sentence.text for sentence in split(text)] == expected


SENTENCES = [f"Sentence number {number} says a thing or two." for number in range(9)]


@pytest.mark.parametrize(("tokens", "first", "last"), [(11, 3, 5), (25, 2, 6), (6, 3, 5), (2, 4, 4), (900, 0, 8)])
def test_whole_sentences_are_read_around_one(tokens: int, first: int, last: int) -> None:
    """Of about ten tokens each."""
    passage = Passage(" ".join(SENTENCES), document_id="d")
    assert surroundings(passage, SENTENCES[4], tokens) == " ".join(SENTENCES[first : last + 1])


def test_a_sentence_is_found_over_broken_lines_and_the_first_is_read_where_none_is_meant() -> None:
    text = "Water leaves the sea\nas vapor. The wind\ncarries it far.\nIt falls as rain."
    assert surroundings(Passage(text), "The wind carries it far.", 1) == "The wind\ncarries it far."
    assert surroundings(Passage(text), "", 1) == "Water leaves the sea\nas vapor."
    assert surroundings(Passage(""), "", 9) == ""


def test_a_wrapped_line_is_one_sentence_and_its_slice_is_exact() -> None:
    text = "Chlorophyll is the green pigment that absorbs light energy in\nthe thylakoid membrane. Water is split."
    first, second = split(text)
    assert first.text == "Chlorophyll is the green pigment that absorbs light energy in the thylakoid membrane."
    assert text[second.start : second.end] == "Water is split."
    assert flatten(text[first.start : first.end]) == first.text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_passages_are_slices_of_the_text_in_order(language: str) -> None:
    text = material(language)
    passages = passages_of_text(text * 3)
    whole = normalize(text * 3)
    end = 0
    for passage in passages:
        assert passage.text == whole[passage.start : passage.start + len(passage.text)]
        assert passage.start >= end
        end = passage.start + len(passage.text)
        assert len(passage.text) <= 1000
    assert len(passages) > 1


def test_a_text_without_letters_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument) as refused:
        passages_of_text(" \n-- !\n")
    assert refused.value.violations[0].field == "text"


def test_a_quote_is_located_whatever_its_quotation_marks() -> None:
    text = "他说：“光合作用 很重要”，然后离开。"
    place = locate('"光合作用很重要"', text)
    assert place is not None
    assert text[slice(*place)] == "光合作用 很重要”"
    assert locate("光合作用不重要", text) is None
    assert locate("他", text) is None


def test_languages() -> None:
    assert language_of("HTTP 是超文本传输协议（HyperText Transfer Protocol）的缩写。") == "zh"
    assert language_of("The word 光合作用 means photosynthesis in Chinese.") == "en"
    assert fits("CO2", CHINESE, short=True)
    assert not fits("What is it?", CHINESE)
    assert not fits("叶绿素", ENGLISH, short=True)
