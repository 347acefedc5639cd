"""Short answer: what is defined, or what a sentence says of its subject; its key terms are the rubric."""

from __future__ import annotations

from collections.abc import Iterator

from services.exercises.domain.cloze.material import ClozeMaterial, Line
from services.exercises.values.question import Draft, QuestionKind, RubricPoint
from services.language.folding import fold
from services.language.key_terms import NUMERIC, Category, Occurrence

_NAMES = frozenset((Category.NAME, Category.ACRONYM, Category.PERSON, Category.PLACE))
_FEWEST_POINTS, _MOST_POINTS = 2, 3


def short_answers(material: ClozeMaterial) -> Iterator[tuple[Line, Draft]]:
    """Yield questions about what is defined, then about what else is a sentence's subject."""
    wording = material.language.cloze.wording
    later: list[tuple[Line, Draft]] = []
    for line in material.lines:
        definition = material.definition(line)
        subject = definition.term if definition else _subject(material, line)
        rubric = _rubric(material, line, subject) if subject else ()
        if len(rubric) < _FEWEST_POINTS:
            continue
        name = _as_inside(material, line, subject)
        draft = material.draft(
            line,
            QuestionKind.SHORT_ANSWER,
            stem=wording.define.format(name=name)
            if definition
            else wording.describe.format(name=wording.quote_name(name)),
            explanation=wording.answer_explanation.format(sentence=line.text),
            reference=line.text,
            rubric=rubric,
        )
        if definition:
            yield line, draft
        else:
            later.append((line, draft))
    yield from later


def _subject(material: ClozeMaterial, line: Line) -> str:
    """Return the term with which a sentence opens, when it opens with one."""
    articles = material.language.statements.articles
    for occurrence in line.occurrences[:1]:
        lead = line.text[: occurrence.start].casefold().strip()
        if occurrence.term.category not in NUMERIC and (not lead or lead in articles):
            return line.said(occurrence)
    return ""


def _as_inside(material: ClozeMaterial, line: Line, subject: str) -> str:
    """Write a sentence's subject as it stands inside a sentence: only names and acronyms keep their capital."""
    occurrence = material.occurrence_of(line, subject)
    if occurrence is None:
        return subject
    if occurrence.term.category not in _NAMES:
        return subject[:1].lower() + subject[1:]
    article = material.language.statements.definite_article
    lead = line.text[: occurrence.start].casefold()
    return f"{article} {subject}" if article and lead == f"{article} " else subject


def _rubric(material: ClozeMaterial, line: Line, subject: str) -> tuple[RubricPoint, ...]:
    """One point for each of the three best terms that the sentence says of its subject, in its order."""
    plain = fold(subject)
    others: dict[str, Occurrence] = {}
    for occurrence in line.occurrences:
        text = fold(line.said(occurrence))
        if text not in plain and plain not in text and occurrence.term.category is not Category.NUMBER:
            others.setdefault(text, occurrence)
    best = sorted(others.values(), key=lambda occurrence: -occurrence.term.score)[:_MOST_POINTS]
    point = material.language.cloze.wording.rubric_point
    return tuple(
        RubricPoint(point.format(term=line.said(occurrence)), 1.0)
        for occurrence in sorted(best, key=lambda occurrence: occurrence.start)
    )
