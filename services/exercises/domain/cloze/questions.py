"""The questions of each kind that a material gives without a model, in the order in which they are worth asking."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from services.exercises.domain.cloze.material import ClozeLine, ClozeMaterial, Falsehood
from services.exercises.domain.text.enumerations import enumeration
from services.exercises.values.question import GAP, Draft, QuestionKind, RubricPoint
from services.language.folding import fold
from services.language.key_terms import NUMERIC, Category, Occurrence
from services.language.language import Definition


def gaps(material: ClozeMaterial) -> Iterator[tuple[ClozeLine, Draft]]:
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


OPTIONS = 4
_FEWEST_WRONG = 2
_MOST_OF_A_LINE = 3


def single_choices(material: ClozeMaterial) -> Iterator[tuple[ClozeLine, Draft]]:
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


def _definition_choice(material: ClozeMaterial, line: ClozeLine, definition: Definition) -> Draft | None:
    subject = material.occurrence_of(line, definition.term)
    if subject is None or fold(definition.term) in fold(definition.meaning):
        return None
    wrong = material.distractors.texts(line.text, subject, OPTIONS - 1, material.rng)
    stem = material.language.cloze.wording.choose_described.format(meaning=definition.meaning)
    return _choice(material, line, stem, definition.term, wrong)


def _gap_choice(material: ClozeMaterial, line: ClozeLine, target: Occurrence) -> Draft | None:
    numeric = target.term.category in NUMERIC
    if len(line.occurrences) < 2 or not (line.firm or numeric) or material.is_approximate(line, target):
        return None
    wrong = material.distractors.texts(line.text, target, OPTIONS - 1, material.rng)
    wording = material.language.cloze.wording
    stem = (wording.choose_number if numeric else wording.choose).format(gapped=line.cut(target))
    return _choice(material, line, stem, line.said(target), wrong)


def _choice(material: ClozeMaterial, line: ClozeLine, stem: str, answer: str, wrong: Sequence[str]) -> Draft | None:
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


def true_false(material: ClozeMaterial, used: Counter[tuple[int, int]]) -> Iterator[tuple[ClozeLine, Draft]]:
    """Yield true and false statements in turn, as far as sentences can be falsified; those in `used` come last."""
    truth = material.rng.random() < 0.5
    waiting: list[ClozeLine] = []
    for line in itertools.chain(material.lines, waiting):
        if used[line.place] and line not in waiting:
            waiting.append(line)
            continue
        falsehood = None if truth else material.falsify(line)
        yield line, _true(material, line) if falsehood is None else _false(material, line, falsehood)
        truth = falsehood is not None


def _true(material: ClozeMaterial, line: ClozeLine) -> Draft:
    return material.draft(
        line,
        QuestionKind.TRUE_FALSE,
        stem=line.text,
        explanation=material.language.cloze.wording.true_explanation.format(sentence=line.text),
        truth=True,
    )


def _false(material: ClozeMaterial, line: ClozeLine, falsehood: Falsehood) -> Draft:
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


_FEWEST_STATEMENTS, _MOST_STATEMENTS = 3, 4
_LONGEST_QUOTE = 900
"""Characters from the first statement to the end of the last."""


def multiple_choices(material: ClozeMaterial) -> Iterator[tuple[ClozeLine, Draft]]:
    """Yield questions about lists, then about neighboring sentences."""
    for line in material.lines:
        draft = _members_choice(material, line)
        if draft is not None:
            yield line, draft
    used: set[tuple[int, int]] = set()
    for window in _windows(material):
        draft = None if used & {line.place for line in window} else _statements_choice(material, window)
        if draft is not None:
            used |= {line.place for line in window}
            yield window[0], draft


def _members_choice(material: ClozeMaterial, line: ClozeLine) -> Draft | None:
    found = enumeration(line.text, material.language)
    if found is None:
        return None
    start, end, members = found
    around = fold(line.text[:start] + line.text[end:])
    if any(fold(member) in around for member in members):
        return None
    wrong = material.distractors.outsiders(line.text, members, 2, material.rng)
    if not wrong:
        return None
    options = [*members, *wrong]
    material.rng.shuffle(options)
    wording = material.language.cloze.wording
    return material.draft(
        line,
        QuestionKind.MULTIPLE_CHOICE,
        stem=wording.choose_members.format(gapped=line.text[:start] + GAP + line.text[end:]),
        explanation=wording.members_explanation.format(
            members=wording.member_separator.join(members), sentence=line.text
        ),
        options=tuple(options),
        correct=tuple(i for i, option in enumerate(options) if option in members),
    )


def _windows(material: ClozeMaterial) -> list[list[ClozeLine]]:
    """Three or four neighboring sentences of one passage that can be options, the best first."""
    ordered = sorted(material.lines, key=lambda line: line.place)
    windows = []
    for i, first in enumerate(ordered):
        window = [line for line in ordered[i : i + _MOST_STATEMENTS] if line.passage == first.passage]
        if len(window) >= _FEWEST_STATEMENTS and _are_options(window, material.language.cloze.longest_option):
            windows.append(window)
    return sorted(windows, key=lambda window: -sum(line.score for line in window) / len(window))


def _are_options(window: Sequence[ClozeLine], longest: int) -> bool:
    distinct = len({fold(line.text) for line in window}) == len(window)
    near = window[-1].end - window[0].start <= _LONGEST_QUOTE
    return distinct and near and all(len(line.text) <= longest for line in window)


def _statements_choice(material: ClozeMaterial, window: Sequence[ClozeLine]) -> Draft | None:
    """Return a question in which one or two of the statements are false; None where none can be made so."""
    made = ((i, material.falsify(line)) for i, line in enumerate(window))
    false = [(i, falsehood) for i, falsehood in made if falsehood is not None]
    material.rng.shuffle(false)
    false = false[: 1 if len(window) == _FEWEST_STATEMENTS else material.rng.choice((1, 2))]
    if not false:
        return None
    order = list(range(len(window)))
    material.rng.shuffle(order)
    wrong = dict(false)
    wording = material.language.cloze.wording
    topic = _topic(window)
    stem = wording.choose_statements_about.format(topic=topic) if topic else wording.choose_statements
    return material.draft(
        window[0],
        QuestionKind.MULTIPLE_CHOICE,
        stem=stem,
        explanation=wording.statements_explanation.format(notes=_notes(material, [found for _, found in false])),
        until=window[-1],
        options=tuple(wrong[i].statement if i in wrong else window[i].text for i in order),
        correct=tuple(position for position, i in enumerate(order) if i not in wrong),
    )


def _notes(material: ClozeMaterial, false: Sequence[Falsehood]) -> str:
    """Return the note that says what should stand where in the false statements."""
    wording = material.language.cloze.wording
    exchanges = (falsehood.substitution for falsehood in false)
    return wording.note_separator.join(wording.exchange_note.format(old=e.old, new=e.new) for e in exchanges)


def _topic(window: Sequence[ClozeLine]) -> str:
    """Return the term that most of some sentences speak of; empty where no two do."""
    counts = Counter(
        occurrence.term
        for line in window
        for occurrence in set(line.occurrences)
        if occurrence.term.category not in NUMERIC
    )
    best = max(counts, key=lambda term: (counts[term], term.score, term.text), default=None)
    return best.text if best is not None and counts[best] >= 2 else ""


_NAMES = frozenset((Category.NAME, Category.ACRONYM, Category.PERSON, Category.PLACE))
_FEWEST_POINTS, _MOST_POINTS = 2, 3


def short_answers(material: ClozeMaterial) -> Iterator[tuple[ClozeLine, Draft]]:
    """Yield questions about what is defined, then about what else is a sentence's subject."""
    wording = material.language.cloze.wording
    later: list[tuple[ClozeLine, Draft]] = []
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


def _subject(material: ClozeMaterial, line: ClozeLine) -> str:
    """Return the term with which a sentence opens, when it opens with one."""
    articles = material.language.statements.articles
    for occurrence in line.occurrences[:1]:
        lead = line.text[: occurrence.start].casefold().strip()
        if occurrence.term.category not in NUMERIC and (not lead or lead in articles):
            return line.said(occurrence)
    return ""


def _as_inside(material: ClozeMaterial, line: ClozeLine, subject: str) -> str:
    """Write a sentence's subject as it stands inside a sentence: only names and acronyms keep their capital."""
    occurrence = material.occurrence_of(line, subject)
    if occurrence is None:
        return subject
    if occurrence.term.category not in _NAMES:
        return subject[:1].lower() + subject[1:]
    article = material.language.statements.definite_article
    lead = line.text[: occurrence.start].casefold()
    return f"{article} {subject}" if article and lead == f"{article} " else subject


def _rubric(material: ClozeMaterial, line: ClozeLine, subject: str) -> tuple[RubricPoint, ...]:
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
