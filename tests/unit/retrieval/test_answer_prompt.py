from __future__ import annotations

from services.language.detection import LANGUAGES
from services.retrieval.domain.prompts.answer import chat_messages
from tests.unit.retrieval.fakes import chunk


def test_passages_are_numbered_from_one_in_the_questions_language() -> None:
    rules, english = (message.content for message in chat_messages("What?", [chunk("first"), chunk("second", 1)]))
    assert english.index("[1] first") < english.index("[2] second") < english.index("Question: What?")
    assert "NOT_IN_MATERIAL" in rules
    rules, chinese = (message.content for message in chat_messages("是什么？", [chunk("first")]))
    assert "问题：是什么？" in chinese
    assert "NOT_IN_MATERIAL" in rules
    assert LANGUAGES.of("是什么？").answering.not_in_material.startswith("资料")
