from __future__ import annotations

import pytest

from services.retrieval.domain.answering.relevance_gate import is_overview


@pytest.mark.parametrize(
    "question",
    [
        "What is this document about?",
        "Summarize the chapter.",
        "Give me a short overview of the text",
        "What are the main points?",
        "这份资料讲了什么？",
        "请总结一下本章的主要内容。",
        "概括全文大意",
        "用一句话介绍这篇文章",
    ],
)
def test_about_the_material_as_a_whole(question: str) -> None:
    assert is_overview(question)


@pytest.mark.parametrize(
    "question",
    [
        "Summarize photosynthesis.",
        "What does the chapter say about enzymes?",
        "Who is he?",
        "",
        "总结光合作用的过程",
        "这份资料里水循环有哪些环节？",
        "什么是蒸腾作用？",
        "为什么？",
    ],
)
def test_about_something_in_it(question: str) -> None:
    assert not is_overview(question)
