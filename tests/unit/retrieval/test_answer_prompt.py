from __future__ import annotations

from services.language.detection import LANGUAGES
from services.retrieval.domain.prompts.answer import chat_messages
from services.retrieval.values.answer import Portion


def test_passages_are_numbered_from_one_in_the_questions_language() -> None:
    rules, english = (
        message.content for message in chat_messages("What?", [Portion(1, "first"), Portion(2, "second")])
    )
    assert english.index("[1] first") < english.index("[2] second") < english.index("Question: What?")
    assert "NOT_IN_MATERIAL" in rules
    rules, chinese = (message.content for message in chat_messages("是什么？", [Portion(1, "first")]))
    assert "问题：是什么？" in chinese
    assert "NOT_IN_MATERIAL" in rules
    assert LANGUAGES.of("是什么？").answering.not_in_material.startswith("资料")
