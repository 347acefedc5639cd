"""Fill in the blank: a sentence in which a key term stands once, without the term."""

from __future__ import annotations

from collections.abc import Iterator

from services.exercises.domain.cloze.material import ClozeMaterial, Line
from services.exercises.values.question import Draft, QuestionKind

_MOST_OF_A_LINE = 3


def gaps(material: ClozeMaterial) -> Iterator[tuple[Line, Draft]]:
    """Yield questions for each sentence's best term, then for its second, and so on."""
    wording = material.language.cloze.wording
    for rank in range(_MOST_OF_A_LINE):
        for line in material.lines:
            targets = material.targets(line)
            if len(line.occurrences) < 2 or rank >= len(targets):
                continue
            yield (
                line,
                material.draft(
                    line,
                    QuestionKind.FILL_IN_THE_BLANK,
                    stem=line.cut(targets[rank]),
                    explanation=wording.gap_explanation.format(sentence=line.text),
                    blanks=((line.said(targets[rank]),),),
                ),
            )
