"""Reading the material that a request names, as passages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.exercises.domain.text.sentences import Sentence, sentences_of, split, stands_alone
from services.exercises.ports import MaterialWorker, PassageSource
from services.exercises.values.question import Passage
from services.kit.errors import FailedPrecondition, FieldViolation, InvalidArgument
from services.language.detection import LANGUAGES
from services.language.folding import fold, normalize
from services.language.outline import OutlineRules
from services.language.scripts import says_something

PASSAGE_CHARACTERS = 800
"""Length at which a text's passage is full: about what a chunk of a document holds."""


def passages_of_text(text: str) -> tuple[Passage, ...]:
    """Return a text's passages: whole sentences of its normal form, blank lines preferred as seams."""
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


_ASKING = re.compile(r"[?？]|\s\|\s")
"""Questions and table rows."""
_STATEMENT_ENDS = "。.！!"
_CAPTION = re.compile(rf"(?:{OutlineRules.joined(language.outline for language in LANGUAGES).caption})[.．。:：]?")
"""What stands before the title of a figure or table, which says nothing by itself: `Figure 5. Rate and light.`"""


def askable(passage: Passage) -> tuple[list[Sentence], list[Sentence]]:
    """Return a passage's statements: those that can be understood without their neighbors, and the rest.

    Questions, tasks, captions, table rows and sections of exercises or aims tell nothing to ask about.
    """
    language = LANGUAGES.of(passage.text)
    end = _end_of_telling(passage)
    alone: list[Sentence] = []
    rest: list[Sentence] = []
    for sentence in sentences_of(passage):
        text = sentence.text
        closed = text[-1] in _STATEMENT_ENDS or text[-1] in language.sentences.stops
        if sentence.start >= end or len(text) < language.reading.fewest_characters or not closed:
            continue
        if _CAPTION.fullmatch(_before(passage.text, sentence.start)):
            continue
        # A Chinese material has a `Figure 3` as well.
        if not _ASKING.search(text) and not any(known.reading.task.search(text) for known in LANGUAGES):
            (alone if stands_alone(text, language) else rest).append(sentence)
    return alone, rest


def _before(text: str, start: int) -> str:
    """Return what stands before a sentence in its line."""
    return text[text.rfind("\n", 0, start) + 1 : start].strip()


def _end_of_telling(passage: Passage) -> int:
    """Return where a passage turns to exercises, aims or references; its end when it does not."""
    if passage.heading_path and _asks(passage.heading_path[-1]):
        return 0
    start = 0
    for line in passage.text.splitlines(keepends=True):
        if _asks(line.strip()):
            return start
        start += len(line)
    return len(passage.text)


def _asks(heading: str) -> bool:
    return any(known.reading.task_section.match(heading) for known in LANGUAGES)


class MaterialReader:
    """Reads texts and indexed documents."""

    def __init__(self, source: PassageSource, worker: MaterialWorker) -> None:
        self._source = source
        self._worker = worker

    async def text_passages(self, text: str) -> tuple[Passage, ...]:
        """Return a text's passages."""
        return await self._worker.split(text)

    async def passages(self, document_ids: Sequence[str], topic: str, limit: int) -> tuple[Passage, ...]:
        """Return at most `limit` passages of documents about a topic, or with an empty topic spread evenly.

        Raises:
            InvalidArgument: the topic is punctuation only.
            FailedPrecondition: there are none.
        """
        if topic.strip() and not says_something(topic):
            rule = "must hold more than punctuation"
            raise InvalidArgument(f"The topic {rule}.", violations=[FieldViolation("documents.topic", rule)])
        found = await self._source.passages(document_ids, topic.strip(), limit)
        passages = tuple(passage for passage in found if fold(passage.text))
        if not passages:
            raise FailedPrecondition(
                "The documents hold no indexed passage: they are not indexed yet, or not yours.",
                reason="NO_PASSAGES",
                violations=[FieldViolation("documents.document_ids", "must name documents that are indexed and yours")],
            )
        return passages
