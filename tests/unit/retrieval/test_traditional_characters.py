"""What is written in traditional characters is read as the same in simplified ones, whichever of both a text has."""

from __future__ import annotations

import pytest
from opencc import OpenCC

from services.retrieval.domain.answering.citations import CitedText
from services.retrieval.domain.answering.draft import OpeningFilter, is_abstention
from services.retrieval.domain.answering.faithfulness import contradicts
from services.retrieval.domain.answering.relevance_gate import RelevanceGate, is_overview
from services.retrieval.values.answer import Citation
from tests.unit.retrieval.fakes import GATED, chunk, hit

traditional = OpenCC("s2t").convert
LEAF = "叶绿体是光合作用的场所。"


def scripts(*texts: str) -> list[tuple[str, ...]]:
    """Return texts in all ways to write each in one of both scripts."""
    ways: list[tuple[str, ...]] = [()]
    for text in texts:
        ways = [(*way, written) for way in ways for written in (text, traditional(text))]
    return ways


@pytest.mark.parametrize("question", ["这份资料讲了什么？", "请总结一下本章的主要内容。", "概括全文大意"])
def test_an_overview(question: str) -> None:
    assert is_overview(traditional(question)) is is_overview(question) is True


@pytest.mark.parametrize("question", ["什么是蒸腾作用？", "总结光合作用的过程"])
def test_no_overview(question: str) -> None:
    assert not is_overview(traditional(question))


@pytest.mark.parametrize(
    "answer",
    ["资料中没有提到这个问题的答案。", "抱歉，根据提供的资料，没有相关信息。", "文中未提及拿破仑。", "无法回答。"],
)
def test_an_abstention(answer: str) -> None:
    assert is_abstention(traditional(answer))


@pytest.mark.parametrize(("question", "passage"), scripts("叶绿体是什么的场所？", LEAF))
def test_the_gate_finds_words_in_both(question: str, passage: str) -> None:
    gate, simplified = RelevanceGate(GATED), [hit(LEAF, score=0.3)]
    assert gate.margin(question, [hit(passage, score=0.3)]) == gate.margin("叶绿体是什么的场所？", simplified)


@pytest.mark.parametrize(("question", "passage", "said"), scripts("光合作用在哪里进行？", LEAF, "它的场所是叶绿体。"))
def test_an_answer_is_supported_in_both(question: str, passage: str, said: str) -> None:
    answer = CitedText(question, [chunk(passage)])
    answer.feed(said)
    assert [event.source.quote for event in answer.cite_support() if isinstance(event, Citation)] == [passage]
    assert answer.has_supported_citation


@pytest.mark.parametrize(
    ("statement", "quote"),
    [*scripts("这个细胞没有叶绿体。", "这个细胞有叶绿体。"), *scripts("岛国战胜了陆国。", "陆国战胜了岛国。")],
)
def test_a_contradiction_is_one_in_both(statement: str, quote: str) -> None:
    assert contradicts(statement, quote, [quote, "问题"])
    assert not contradicts(statement, statement, [quote])


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("它的場所是葉綠體[來源1]。", "它的場所是葉綠體[1]。"),
        ("它的場所是葉綠體（資料：1）。", "它的場所是葉綠體[1]。"),
        ("它的場所見於圖（1）。", "它的場所見於圖（1）。"),
    ],
)
def test_a_mark(written: str, shown: str) -> None:
    answer = CitedText("場所？", [chunk(traditional(LEAF))])
    answer.feed(written)
    answer.close()
    assert answer.text == shown


def test_thoughts_are_held_back() -> None:
    assert OpeningFilter().feed("我們需要看段落") == ""
