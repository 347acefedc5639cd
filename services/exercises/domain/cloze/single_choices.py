"""Single choice: a definition whose subject is asked for, or a sentence with a gap, and terms of the same kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.exercises.domain.cloze.material import ClozeMaterial, Line
from services.exercises.values.question import Draft, QuestionKind
from services.language.folding import fold
from services.language.key_terms import NUMERIC, Occurrence
from services.language.language import Definition

OPTIONS = 4
_FEWEST_WRONG = 2
_MOST_OF_A_LINE = 3


def single_choices(material: ClozeMaterial) -> Iterator[tuple[Line, Draft]]:
    """Yield questions about what is defined, then about each sentence's best term, its second, and so on."""
    definitions = [(line, definition) for line in material.lines if (definition := material.definition(line))]
    for line, definition in definitions:
        draft = _definition_choice(material, line, definition)
        if draft is not None:
            yield line, draft
    for rank in range(_MOST_OF_A_LINE):
        for line in material.lines:
            targets = material.targets(line)
            draft = _gap_choice(material, line, targets[rank]) if rank < len(targets) else None
            if draft is not None:
                yield line, draft


def _definition_choice(material: ClozeMaterial, line: Line, definition: Definition) -> Draft | None:
    subject = material.occurrence_of(line, definition.term)
    if subject is None or fold(definition.term) in fold(definition.meaning):
        return None
    wrong = material.distractors.texts(line.text, subject, OPTIONS - 1, material.rng)
    stem = material.language.cloze.wording.choose_described.format(meaning=definition.meaning)
    return _choice(material, line, stem, definition.term, wrong)


def _gap_choice(material: ClozeMaterial, line: Line, target: Occurrence) -> Draft | None:
    numeric = target.term.category in NUMERIC
    if len(line.occurrences) < 2 or not (line.firm or numeric) or material.is_approximate(line, target):
        return None
    wrong = material.distractors.texts(line.text, target, OPTIONS - 1, material.rng)
    wording = material.language.cloze.wording
    stem = (wording.choose_number if numeric else wording.choose).format(gapped=line.cut(target))
    return _choice(material, line, stem, line.said(target), wrong)


def _choice(material: ClozeMaterial, line: Line, stem: str, answer: str, wrong: Sequence[str]) -> Draft | None:
    """Return a question with its options in random order; None where there are too few wrong ones."""
    if len(wrong) < _FEWEST_WRONG:
        return None
    options = [answer, *wrong]
    material.rng.shuffle(options)
    explanation = material.language.cloze.wording.choice_explanation
    return material.draft(
        line,
        QuestionKind.SINGLE_CHOICE,
        stem=stem,
        explanation=explanation.format(answer=answer, sentence=line.text),
        options=tuple(options),
        correct=(options.index(answer),),
    )
