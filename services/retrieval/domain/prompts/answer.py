"""The task of answering from numbered passages.

Small models copy the shape of what they see last: a prompt that ended with "answer with [n]" got "[1]" for an answer.
So an example in the rules shows the form, and the prompt ends with the question.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.language.detection import LANGUAGES
from services.language.prompts import load, texts_in
from services.retrieval.values.chat import ChatMessage
from services.retrieval.values.chunk import Chunk

ABSTENTION_MARKER = "NOT_IN_MATERIAL"
"""What a model writes in place of an answer when the passages do not hold it."""
_TEXTS = load(__package__, "answer")


def chat_messages(question: str, passages: Sequence[Chunk]) -> tuple[ChatMessage, ...]:
    """Return the rules, then the passages, numbered from 1, with the question; a language may have no prompt."""
    numbered = "\n\n".join(f"[{number}] {chunk.text.strip()}" for number, chunk in enumerate(passages, start=1))
    values = {"marker": ABSTENTION_MARKER, "passages": numbered, "question": question.strip()}
    texts = texts_in(LANGUAGES.of(question), _TEXTS)
    return tuple(ChatMessage(*message) for message in texts.filled(values))
