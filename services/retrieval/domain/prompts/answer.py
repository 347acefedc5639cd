"""The task of answering from numbered passages.

Small models copy the shape of what they see last: a prompt that ended with "answer with [n]" got "[1]" for an answer.
So an example in the rules shows the form, and the prompt ends with the question.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.language.detection import LANGUAGES
from services.language.prompts import load, texts_in
from services.retrieval.values.answer import Portion
from services.retrieval.values.chat import ChatMessage

ABSTENTION_MARKER = "NOT_IN_MATERIAL"
"""What a model writes in place of an answer when the passages do not hold it."""
_TEXTS = load(__package__, "answer")


def chat_messages(question: str, portions: Sequence[Portion]) -> tuple[ChatMessage, ...]:
    """Return the rules, then what is read of the passages, with the question; a language may have no prompt.

    All that more portions change stands behind the portions before them, and is all that an engine with a cache reads.
    """
    numbered = "\n\n".join(f"[{portion.number}] {portion.text}" for portion in portions)
    values = {"marker": ABSTENTION_MARKER, "passages": numbered, "question": question.strip()}
    texts = texts_in(LANGUAGES.of(question), _TEXTS)
    return tuple(ChatMessage(*message) for message in texts.filled(values))


def beginnings() -> list[tuple[ChatMessage, ...]]:
    """Return, in each language, a prompt that begins as all prompts do, with nothing to read and no question."""
    values = {"marker": ABSTENTION_MARKER, "passages": "", "question": ""}
    return [tuple(ChatMessage(*message) for message in texts.filled(values)) for texts in _TEXTS.values()]
