"""Material: from what a request names to passages."""

from __future__ import annotations

from collections.abc import Sequence

from services.exercises.ports import Library, TextCutter
from services.exercises.question import Passage
from services.exercises.sentences import split
from services.exercises.texts import fold
from services.kit.errors import FailedPrecondition, FieldViolation, InvalidArgument
from services.kit.normalizing import normalize

PASSAGE_CHARACTERS = 800
"""Length at which a text's passage is full: about what a chunk of a document holds."""


def passages_of_text(text: str) -> tuple[Passage, ...]:
    """A text's passages: whole sentences of its normal form, blank lines preferred as seams.

    InvalidArgument when nothing is left of it.
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


class MaterialReader:
    """Reads texts and indexed documents."""

    def __init__(self, library: Library, cutter: TextCutter) -> None:
        self._library = library
        self._cutter = cutter

    async def text_passages(self, text: str) -> tuple[Passage, ...]:
        """A text's passages; InvalidArgument when nothing is left of it."""
        return await self._cutter.passages(text)

    async def passages(self, document_ids: Sequence[str], topic: str, limit: int) -> tuple[Passage, ...]:
        """Passages of documents about a topic, or spread evenly; FailedPrecondition when there are none."""
        found = await self._library.passages(document_ids, topic.strip(), limit)
        passages = tuple(passage for passage in found if fold(passage.text))
        if not passages:
            raise FailedPrecondition(
                "The documents hold no indexed passage: they are not indexed yet, or not yours.",
                reason="NO_PASSAGES",
                metadata={"document_ids": ",".join(document_ids[:8])},
            )
        return passages
