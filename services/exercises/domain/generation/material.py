"""Reading the material that a request names, as passages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.exercises.domain.text.sentences import Sentence, sentences_of, split
from services.exercises.domain.text.standalone import stands_alone
from services.exercises.ports import PassageSource, TextSplitter
from services.exercises.values.question import Passage
from services.kit.errors import FailedPrecondition, FieldViolation, InvalidArgument
from services.language.detection import CHINESE, ENGLISH, language_of
from services.language.folding import fold
from services.language.normalization import normalize

PASSAGE_CHARACTERS = 800
"""Length at which a text's passage is full: about what a chunk of a document holds."""


def passages_of_text(text: str) -> tuple[Passage, ...]:
    """Return a text's passages: whole sentences of its normal form, blank lines preferred as seams.

    Raises:
        InvalidArgument: nothing is left of the text.
    """
    normal = normalize(text)
    if not any(map(str.isalnum, normal)):
        raise InvalidArgument(
            "text holds no letters.",
            reason="EMPTY_TEXT",
            violations=[FieldViolation("text", "must hold at least one letter or digit")],
        )
    passages: list[Passage] = []
    start = end = 0
    for sentence in split(normal):
        full = sentence.end - start > PASSAGE_CHARACTERS
        seam = end - start > PASSAGE_CHARACTERS // 2 and "\n\n" in normal[end : sentence.start]
        if end > start and (full or seam):
            passages.append(Passage(normal[start:end], start))
            start = sentence.start
        end = sentence.end
    passages.append(Passage(normal[start:end], start))
    return tuple(passages)


_ASKING_SECTION = re.compile(
    r"^[\W\d]*(?:(?:check|test) your (?:understanding|knowledge|learning|progress)"
    r"|(?:review|discussion|practice|study|self-test|end-of-chapter) (?:questions?|exercises?|problems?)"
    r"|questions?(?: for (?:review|discussion|thought))?|exercises?|problems?(?: sets?)?|homework|assignments?"
    r"|quiz|self-(?:test|check|assessment)|answers?(?: key)?|(?:learning )?(?:objectives|outcomes|goals)"
    r"|(?:after|by the end of|in) this (?:chapter|unit|lesson|section|module),? you (?:can|will|should)\b.*"
    r"|references|bibliography|further reading|key ?words"
    r"|[^。，\n]{0,6}(?:思考题?|练习题?|习题|复习题|测试题|自测题?|讨论题?|课堂练习|课后作业|作业|探究活动)"
    r"|参考答案|答案|(?:学习|教学)目标|(?:教学)?重点难点|参考文献|本课关键词|关键词)[\W\d]*$",
    re.IGNORECASE,
)
"""Headings of what asks, promises or lists instead of telling."""
_ASKING_SENTENCE = re.compile(
    r"^(?:思考|讨论|提问|问题|问|练习|习题|例题?|想一想|探究|活动|导入|验算|学习目标|本[课节章]"
    r"|question|exercise|problem|discuss|q|example|hint|note|answer)\s*\d*\s*[:：.、]"
    r"|^(?:put|add|place|count|repeat|move|keep|measure|record|observe)\b|参考答案|[?？]|^(?:figure|fig\.|table|图|表)\s*\d|\s\|\s",
    re.IGNORECASE,
)
_STATEMENT_ENDS = "。.！!"
_SHORTEST = {CHINESE: 10, ENGLISH: 25}
"""Characters; a shorter sentence holds too little to ask about."""


def askable(passage: Passage) -> tuple[list[Sentence], list[Sentence]]:
    """Return a passage's statements: those that can be understood without their neighbors, and the rest.

    Questions, tasks, captions, table rows and everything in a section of exercises or aims are no statements: what the
    material asks its reader says nothing to ask about.
    """
    language = language_of(passage.text)
    end = _end_of_telling(passage)
    alone: list[Sentence] = []
    rest: list[Sentence] = []
    for sentence in sentences_of(passage):
        if (
            sentence.start >= end
            or len(sentence.text) < _SHORTEST[language]
            or sentence.text[-1] not in _STATEMENT_ENDS
        ):
            continue
        if not _ASKING_SENTENCE.search(sentence.text):
            (alone if stands_alone(sentence.text, language) else rest).append(sentence)
    return alone, rest


def _end_of_telling(passage: Passage) -> int:
    """Where the passage goes over to exercises, aims or references; its end when it does not."""
    if passage.heading_path and _ASKING_SECTION.match(passage.heading_path[-1]):
        return 0
    start = 0
    for line in passage.text.splitlines(keepends=True):
        if _ASKING_SECTION.match(line.strip()):
            return start
        start += len(line)
    return len(passage.text)


class MaterialReader:
    """Reads texts and indexed documents."""

    def __init__(self, source: PassageSource, splitter: TextSplitter) -> None:
        self._source = source
        self._splitter = splitter

    async def text_passages(self, text: str) -> tuple[Passage, ...]:
        """Return a text's passages.

        Raises:
            InvalidArgument: nothing is left of the text.
        """
        return await self._splitter.split(text)

    async def passages(self, document_ids: Sequence[str], topic: str, limit: int) -> tuple[Passage, ...]:
        """Return at most `limit` passages of documents about a topic, or with an empty topic spread evenly.

        Raises:
            FailedPrecondition: there are none.
        """
        found = await self._source.passages(document_ids, topic.strip(), limit)
        passages = tuple(passage for passage in found if fold(passage.text))
        if not passages:
            raise FailedPrecondition(
                "The documents hold no indexed passage: they are not indexed yet, or not yours.",
                reason="NO_PASSAGES",
                violations=[FieldViolation("documents.document_ids", "must name documents that are indexed and yours")],
            )
        return passages
