from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from services.retrieval.domain.answering.citations import CitedText
from services.retrieval.domain.answering.marks import Mark, MarkScanner
from services.retrieval.values.answer import AnswerDelta, Citation
from tests.unit.retrieval.fakes import chunk

WATER = chunk("Water is blue in deep lakes. It boils at 100 degrees Celsius. Ice floats on water.", 0)
PLANTS = chunk("绿色植物通过光合作用制造有机物。光合作用需要光照和叶绿素。叶绿体是它的场所。", 1)
SKY = chunk("The sky scatters short wavelengths. Sunsets are red.", 2)


EXERCISES = chunk("Why does water boil at 100 degrees? What do short wavelengths scatter?", 3)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        # The passage that the mark names says nothing of it, and another one says all of it.
        ("Water boils at 100 degrees Celsius [3].", "Water boils at 100 degrees Celsius [1]."),
        ("The sky scatters short wavelengths [1].", "The sky scatters short wavelengths [3]."),
        ("绿色植物通过光合作用制造有机物[5]。", "绿色植物通过光合作用制造有机物[2]。"),
        ("Water boils at 100 degrees Celsius [2].", "Water boils at 100 degrees Celsius [1]."),
        # One of two is right.
        ("Sunsets are red in the sky [1][3].", "Sunsets are red in the sky [3]."),
        # A question has all words and says nothing.
        ("Water does boil at 100 degrees [4].", "Water does boil at 100 degrees [1]."),
        # Nothing supports it, or it says too little, or terms cannot tell.
        ("Mercury freezes at minus 39 degrees kelvin [3].", "Mercury freezes at minus 39 degrees kelvin [3]."),
        ("Sunsets [1].", "Sunsets [1]."),
        ("Water boils at 100 degrees in kettles [2].", "Water boils at 100 degrees in kettles [2]."),
        # Each supports a part.
        ("Ice floats on water and sunsets are red [1][3].", "Ice floats on water and sunsets are red [1][3]."),
    ],
)
def test_a_mark_on_a_passage_that_does_not_say_it_goes_to_the_one_that_does(written: str, shown: str) -> None:
    answer = CitedText("question", [WATER, PLANTS, SKY, EXERCISES, chunk("植物的叶是绿色的。", 4)])
    answer.feed(written)
    answer.close()
    assert answer.text == shown


def test_a_question_is_quoted_only_where_there_is_nothing_else() -> None:
    answer = CitedText("Why does water boil?", [EXERCISES])
    cited = [event for event in answer.feed("Water boils at 100 degrees [1].") if isinstance(event, Citation)]
    assert cited[0].source.quote == "Why does water boil at 100 degrees?"
    told = chunk("Why does water boil at 100 degrees? Its vapor then has the pressure of the air.", 0)
    answer = CitedText("Why does water boil?", [told])
    cited = [
        event
        for event in answer.feed("Water boils as its vapor has the pressure of air [1].")
        if isinstance(event, Citation)
    ]
    assert cited[0].source.quote == "Its vapor then has the pressure of the air."


def run(text: str, pieces: list[str]) -> tuple[str, list[Citation]]:
    answer = CitedText("question", [WATER, PLANTS, SKY])
    events = [event for piece in pieces for event in answer.feed(piece)] + answer.close()
    joined = "".join(event.text for event in events if isinstance(event, AnswerDelta))
    assert joined == answer.text
    return joined, [event for event in events if isinstance(event, Citation)]


def write(text: str) -> tuple[str, list[Citation]]:
    return run(text, [text])


@pytest.mark.parametrize(
    ("written", "shown", "numbers"),
    [
        ("It boils [1].", "It boils [1].", [1]),
        ("It boils. [1] Red [3]", "It boils. [1] Red [3]", [1, 3]),
        ("a [1][2] b", "a [1][2] b", [1, 2]),
        ("a [1, 3] b", "a [1][3] b", [1, 3]),
        ("a [1，2、3]", "a [1][2][3]", [1, 2, 3]),
        ("a [1-3]", "a [1][2][3]", [1, 2, 3]),
        ("a [1 and 2]", "a [1][2]", [1, 2]),
        ("水【2】和［1］。", "水[2]和[1]。", [2, 1]),
        ("a [Passage 2]", "a [2]", [2]),
        ("水[段落2]", "水[2]", [2]),
        ("a [9].", "a.", []),
        ("a [0] b", "a b", []),
        ("a [1, 9].", "a [1].", [1]),
        ("array[i] and [see page 3] and [", "array[i] and [see page 3] and [", []),
        ("a [[1]] b", "a [1] b", [1]),
        ("an unclosed [1", "an unclosed [1", []),
        ("🙂 [1]", "🙂 [1]", [1]),
        ("\n\n hi [1] ", "hi [1]", [1]),
        ("[" * 50, "[" * 50, []),
        ("[1]", "", []),
        ("It boils[^1].", "It boils[1].", [1]),
        ("It boils [^1][^3].", "It boils [1][3].", [1, 3]),
        ("It boils [ID:1].", "It boils [1].", [1]),
        ("It boils [ID: 1, ID: 3]", "It boils [1][3]", [1, 3]),
        ("It boils [source 1].", "It boils [1].", [1]),
        ("It boils [Source: 1].", "It boils [1].", [1]),
        ("It boils [doc 3].", "It boils [3].", [3]),
        ("It boils 【1†source】.", "It boils [1].", [1]),
        ("It boils 〔1〕.", "It boils [1].", [1]),
        ("它沸腾[来源1]。", "它沸腾[1]。", [1]),
        ("它沸腾（来源1）。", "它沸腾[1]。", [1]),
        ("它沸腾（来源：1）了", "它沸腾[1]了", [1]),
        ("它沸腾（1）。", "它沸腾[1]。", [1]),
        ("它沸腾(1)，然后(3)。", "它沸腾[1]，然后[3]。", [1, 3]),
        ("It boils (1).", "It boils [1].", [1]),
        ("It boils (1, 3).", "It boils [1][3].", [1, 3]),
        ("It boils (1) and floats (3).", "It boils [1] and floats [3].", [1, 3]),
        ("It boils (1)(3).", "It boils [1][3].", [1, 3]),
        ("It boils¹.", "It boils[1].", [1]),
        ("It boils.¹ Red.³", "It boils.[1] Red.[3]", [1, 3]),
        ("它沸腾¹。", "它沸腾[1]。", [1]),
        ("Steps: (1) heat it, (2) cool it.", "Steps: (1) heat it, (2) cool it.", []),
        ("(1) first step (2) second step", "(1) first step (2) second step", []),
        ("It was built in 1998 (2).", "It was built in 1998 (2).", []),
        ("It was built (1998).", "It was built (1998).", []),
        ("It boils (9).", "It boils (9).", []),
        ("by equation (1).", "by equation (1).", []),
        ("代入式（1），得到", "代入式（1），得到", []),
        ("步骤：（1）加热；（2）冷却。", "步骤：（1）加热；（2）冷却。", []),
        ("the group U(1).", "the group U(1).", []),
        ("an area of 5 km² and x² + y³", "an area of 5 km² and x² + y³", []),
        ("10³ times, 5 m³.", "10³ times, 5 m³.", []),
        ("It boils⁹.", "It boils⁹.", []),
        ("[1] Water boils [1].", "Water boils [1].", [1]),
        ("It boils.^1 Red.", "It boils.[1] Red.", [1]),
        ("It boils <sup>1</sup>.", "It boils [1].", [1]),
        ("It boils.<sup>[1]</sup>", "It boils.[1]", [1]),
        ("It boils [^1^].", "It boils [1].", [1]),
        ("It boils [1](#1).", "It boils [1].", [1]),
        ("It boils [1, p. 3].", "It boils [1].", [1]),
        ("It boils [Passage 1, Passage 3].", "It boils [1][3].", [1, 3]),
        ("It boils [context 1].", "It boils [1].", [1]),
        ("它沸腾①。", "它沸腾[1]。", [1]),
        ("它沸腾（资料1、资料3）。", "它沸腾[1][3]。", [1, 3]),
        ("有三点：①水②光③热。", "有三点：①水②光③热。", []),
        ("x^2 and 10^3 times.", "x^2 and 10^3 times.", []),
        ("where a[1] is the first.", "where a[1] is the first.", []),
        ("a < b and <su", "a < b and <su", []),
    ],
)
def test_marks(written: str, shown: str, numbers: list[int]) -> None:
    text, citations = write(written)
    assert text == shown
    assert [c.number for c in citations] == numbers
    assert [text[c.answer_start : c.answer_end] for c in citations] == [f"[{n}]" for n in numbers]


def test_any_split_of_the_stream_gives_the_same_answer() -> None:
    written = "It boils at 100 [1, 9]. 光合作用【2】 array[i] [Passage 3][7] 🙂 end ["
    whole = write(written)
    for size in range(1, len(written)):
        assert run(written, [written[i : i + size] for i in range(0, len(written), size)]) == whole
    generator = random.Random(3)  # noqa: S311 - repeatable cuts
    for _ in range(200):
        cuts = sorted(generator.sample(range(len(written)), 5))
        edges = itertools.pairwise([0, *cuts, len(written)])
        assert run(written, [written[a:b] for a, b in edges]) == whole


def test_text_is_not_held_back_without_need() -> None:
    scanner = MarkScanner()
    assert scanner.feed("Water") == ["Water"]
    assert scanner.feed(" is [") == [" is"]
    assert scanner.feed("1") == []
    assert scanner.feed("] wet") == [Mark(" ", (1,)), " wet"]
    assert scanner.feed(" [not a mark because it is long and goes on]") == [
        " [not a mark because it is long and goes on]"
    ]


def test_a_citation_quotes_the_sentence_that_supports_the_statement() -> None:
    _, citations = write("At 100 degrees it boils [1]. Frozen, ice floats. [1] 场所是叶绿体。[2]")
    assert [c.source.quote for c in citations] == [
        "It boils at 100 degrees Celsius.",
        "Ice floats on water.",
        "叶绿体是它的场所。",
    ]


def test_a_quote_is_always_the_slice_its_offsets_name() -> None:
    _, citations = write("It boils at 100 degrees [1]. 叶绿素[2]。 unrelated words [3].")
    for citation in citations:
        passage = (WATER, PLANTS, SKY)[citation.number - 1]
        source = citation.source
        first = source.start - passage.start
        assert passage.text[first : source.end - passage.start] == source.quote
        assert (source.chunk_id, source.page, source.document_id) == (
            passage.chunk_id,
            passage.page,
            passage.document_id,
        )


def test_a_quote_names_the_page_on_which_it_starts() -> None:
    second, third = WATER.start + WATER.text.index("Ice"), WATER.start + WATER.text.index("floats")
    over_pages = replace(WATER, page=4, page_starts=(second, third))
    answer = CitedText("q", [over_pages])
    events = answer.feed("At 100 degrees it boils [1]. Frozen, ice floats [1]. ")
    citations = [event for event in events if isinstance(event, Citation)]
    assert [citation.source.page for citation in citations] == [4, 5]
    assert over_pages.page_at(third) == 6
    assert replace(WATER, page=0).page_at(third) == 0


def test_a_statement_without_shared_terms_quotes_what_is_nearest_the_question_or_all() -> None:
    answer = CitedText("How hot is boiling, in degrees?", [WATER])
    citation = next(event for event in answer.feed("Sehr heiß [1]. ") if isinstance(event, Citation))
    assert citation.source.quote == "It boils at 100 degrees Celsius."
    answer = CitedText("水的沸点是什么？", [WATER])
    citation = next(event for event in answer.feed("很热[1]。") if isinstance(event, Citation))
    assert citation.source.quote == WATER.text


def test_each_citation_follows_the_text_that_ends_with_its_mark() -> None:
    answer = CitedText("q", [WATER, PLANTS])
    seen = ""
    for event in answer.feed("Boils [1][2]. More"):
        if isinstance(event, AnswerDelta):
            seen += event.text
        else:
            assert seen[event.answer_start : event.answer_end] == f"[{event.number}]"
            assert event.answer_end == len(seen)


def support(text: str, question: str = "q") -> list[str]:
    answer = CitedText(question, [WATER, PLANTS, SKY])
    answer.feed(text)
    answer.close()
    return [event.source.quote for event in answer.cite_support() if isinstance(event, Citation)]


def test_support_is_found_for_an_answer_that_cites_nothing() -> None:
    assert support("Water boils at 100 degrees. Sunsets look red.") == [
        "It boils at 100 degrees Celsius.",
        "Sunsets are red.",
    ]
    assert support("它的场所是叶绿体。") == ["叶绿体是它的场所。"]


def test_a_heading_that_says_no_more_than_the_question_supports_no_answer() -> None:
    keywords = chunk("蒸腾\n\n下渗\n\n径流")
    answer = CitedText("蒸腾是什么？", [keywords])
    answer.feed("蒸腾是水汽从水体蒸发成气体的过程。[1]")
    assert not answer.has_supported_citation


def test_a_short_answer_is_supported_through_its_question() -> None:
    assert support("Yes.", "Does ice float on water?") == ["Ice floats on water."]


def test_nothing_supports_an_invention() -> None:
    assert support("Napoleon crossed the Alps with elephants in winter.") == []
    assert CitedText("q", []).cite_support() == []


def test_across_languages_the_first_passage_is_cited() -> None:
    assert support("水在一百度沸腾。") == [] or support("水在一百度沸腾。")[0] in (WATER.text, PLANTS.text)
    answer = CitedText("沸点？", [WATER])
    answer.feed("水在一百度沸腾。")
    assert [type(event) for event in answer.cite_support()] == [AnswerDelta, Citation]
    assert answer.text.endswith("[1]")
