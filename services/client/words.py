"""The enums of the contract in words."""

from __future__ import annotations

from typing import Final

from tiku.docs.v1 import docs_pb2
from tiku.exercises.v1 import exercises_pb2

KIND_NAMES: Final = {
    "single-choice": exercises_pb2.QUESTION_KIND_SINGLE_CHOICE,
    "multiple-choice": exercises_pb2.QUESTION_KIND_MULTIPLE_CHOICE,
    "true-false": exercises_pb2.QUESTION_KIND_TRUE_FALSE,
    "fill-in-the-blank": exercises_pb2.QUESTION_KIND_FILL_IN_THE_BLANK,
    "short-answer": exercises_pb2.QUESTION_KIND_SHORT_ANSWER,
}
KIND_WORDS: Final = {
    exercises_pb2.QUESTION_KIND_SINGLE_CHOICE: "single choice",
    exercises_pb2.QUESTION_KIND_MULTIPLE_CHOICE: "multiple choice",
    exercises_pb2.QUESTION_KIND_TRUE_FALSE: "true or false",
    exercises_pb2.QUESTION_KIND_FILL_IN_THE_BLANK: "fill in the blank",
    exercises_pb2.QUESTION_KIND_SHORT_ANSWER: "short answer",
}
DOCUMENT_KINDS: Final = {"material": docs_pb2.DOCUMENT_KIND_MATERIAL, "document": docs_pb2.DOCUMENT_KIND_DOCUMENT}
STAGE_WORDS: Final = {
    docs_pb2.STAGE_QUEUED: "waiting",
    docs_pb2.STAGE_PARSING: "reading",
    docs_pb2.STAGE_CHUNKING: "cutting into passages",
    docs_pb2.STAGE_INDEXING: "indexing",
    docs_pb2.STAGE_GRAPH: "adding to the graph",
}
VERDICT_WORDS: Final = {
    exercises_pb2.VERDICT_CORRECT: "correct",
    exercises_pb2.VERDICT_PARTIAL: "partly correct",
    exercises_pb2.VERDICT_INCORRECT: "incorrect",
    exercises_pb2.VERDICT_UNANSWERED: "not answered",
    exercises_pb2.VERDICT_NEEDS_REVIEW: "needs a person's review",
}


def key_in_words(key: exercises_pb2.AnswerKey, kind: int) -> str:
    """Return the right answer in a line."""
    match kind:
        case exercises_pb2.QUESTION_KIND_SINGLE_CHOICE | exercises_pb2.QUESTION_KIND_MULTIPLE_CHOICE:
            return ", ".join(key.option_keys)
        case exercises_pb2.QUESTION_KIND_TRUE_FALSE:
            return "true" if key.truth else "false"
        case exercises_pb2.QUESTION_KIND_FILL_IN_THE_BLANK:
            return " / ".join(blank.accepted[0] for blank in key.blanks if blank.accepted)
        case _:
            return key.reference


def answer_in_words(answer: exercises_pb2.Answer) -> str:
    """Return a learner's answer in a line; "" for none."""
    if answer.option_keys:
        return ", ".join(answer.option_keys)
    if answer.HasField("truth"):
        return "true" if answer.truth else "false"
    return " / ".join(answer.blanks) or answer.text
