"""True or false: a sentence of the material, or one with a term or number exchanged."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from services.exercises.domain.cloze.material import ClozeMaterial, Falsehood, Line
from services.exercises.values.question import Draft, QuestionKind


def true_false(material: ClozeMaterial, used: Counter[tuple[int, int]]) -> Iterator[tuple[Line, Draft]]:
    """Yield true and false statements in turn, as far as sentences can be falsified; those in `used` come last."""
    truth = material.rng.random() < 0.5
    waiting: list[Line] = []
    for line in itertools.chain(material.lines, waiting):
        if used[line.place] and line not in waiting:
            waiting.append(line)
            continue
        falsehood = None if truth else material.falsify(line)
        yield line, _true(material, line) if falsehood is None else _false(material, line, falsehood)
        truth = falsehood is not None


def _true(material: ClozeMaterial, line: Line) -> Draft:
    return material.draft(
        line,
        QuestionKind.TRUE_FALSE,
        stem=line.text,
        explanation=material.language.cloze.wording.true_explanation.format(sentence=line.text),
        truth=True,
    )


def _false(material: ClozeMaterial, line: Line, falsehood: Falsehood) -> Draft:
    substitution = falsehood.substitution
    explanation = material.language.cloze.wording.false_explanation
    return material.draft(
        line,
        QuestionKind.TRUE_FALSE,
        stem=falsehood.statement,
        explanation=explanation.format(old=substitution.old, new=substitution.new, sentence=line.text),
        truth=False,
        substitution=substitution,
    )
