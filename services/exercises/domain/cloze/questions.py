"""The questions of each kind that a material gives without a model, in the order in which they are worth asking."""

from __future__ import annotations

import itertools
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from services.exercises.domain.cloze.material import ClozeLine, ClozeMaterial
from services.exercises.domain.text.enumerations import enumeration
from services.exercises.values.question import GAP, Draft, QuestionKind, RubricPoint
from services.language.folding import fold
from services.language.key_terms import NUMERIC, Category, Occurrence
from services.language.language import Definition, Language

LineDraft = tuple[ClozeLine, Draft]
"""A question, and the sentence that it asks about."""

OPTIONS = 4
_FEWEST_WRONG = 2
_MOST_OF_A_LINE = 3
"""Terms of one sentence that are asked for."""


def asked_for(material: ClozeMaterial) -> Iterator[tuple[ClozeLine, Occurrence]]:
    """Yield each sentence's best term, then each one's second, and so on; a sentence with one term gives none.

    What nothing else can stand for comes first: a number, a name, or what the material speaks of more than once.
    """
    for certain, rank in itertools.product((True, False), range(_MOST_OF_A_LINE)):
        for line in material.lines:
            # One digit or letter stands in too many other questions.
            targets = [
                target
                for target in material.targets(line)
                if len(fold(line.said(target))) > 1 and material.is_certain(target) is certain
            ]
            if len(line.occurrences) > 1 and rank < len(targets):
                yield line, targets[rank]


def gaps(material: ClozeMaterial) -> Iterator[LineDraft]:
    """Yield questions in which a term is to be filled in."""
    explanation = material.language.cloze.wording.gap_explanation
    for line, target in asked_for(material):
        surely = material.is_named(target) or material.defines(line, target)
        if not surely and not material.is_certain(target) and not material.is_telling(target):
            continue
        stem = material.lead(line) + line.cut(target)
        draft = material.draft(line, QuestionKind.FILL_IN_THE_BLANK, stem, explanation.format(sentence=line.text))
        yield line, replace(draft, blanks=((line.said(target),),), second=draft.second or not surely)


def single_choices(material: ClozeMaterial) -> Iterator[LineDraft]:
    """Yield questions about what is defined, then about terms."""
    definitions = [(line, definition) for line in material.lines if (definition := material.definition(line))]
    for line, definition in definitions:
        if draft := _definition_choice(material, line, definition):
            yield line, draft
    for line, target in asked_for(material):
        if draft := _gap_choice(material, line, target):
            yield line, replace(draft, second=draft.second or not material.is_named(target))


def _definition_choice(material: ClozeMaterial, line: ClozeLine, definition: Definition) -> Draft | None:
    subject = material.occurrence_of(line, definition.term)
    term = fold(definition.term)
    if subject is None or term in fold(definition.meaning) or term in material.titles:
        return None
    stem = material.language.cloze.wording.choose_described.format(meaning=definition.meaning)
    return _choice(material, line, stem, definition.term, subject)


def _gap_choice(material: ClozeMaterial, line: ClozeLine, target: Occurrence) -> Draft | None:
    numeric = target.term.category in NUMERIC
    if not (line.firm or numeric) or material.is_approximate(line, target):
        return None
    wording = material.language.cloze.wording
    stem = (wording.choose_number if numeric else wording.choose).format(gapped=material.lead(line) + line.cut(target))
    return _choice(material, line, stem, line.said(target), target)


def _choice(material: ClozeMaterial, line: ClozeLine, stem: str, answer: str, target: Occurrence) -> Draft | None:
    """Return a question with its options in random order; None where there are too few wrong ones."""
    wrong = material.distractors.texts(line.text, target, OPTIONS - 1, material.rng)
    if len(wrong) < _FEWEST_WRONG:
        return None
    options = [answer, *wrong]
    material.rng.shuffle(options)
    explanation = material.language.cloze.wording.choice_explanation.format(answer=answer, sentence=line.text)
    draft = material.draft(line, QuestionKind.SINGLE_CHOICE, stem, explanation)
    return replace(draft, options=tuple(options), correct=(options.index(answer),))


def true_false(material: ClozeMaterial, used: Counter[tuple[int, int]]) -> Iterator[LineDraft]:
    """Yield true and false statements in turn while sentences can be falsified; those in `used` come last."""
    wording = material.language.cloze.wording
    truth = material.rng.random() < 0.5
    firm: deque[ClozeLine] = deque()
    left = _unused_first(material.lines, used)
    while True:
        falsehood = None
        if truth and firm:
            line = firm.popleft()
        else:
            while (found := next(left, None)) and not truth and (falsehood := material.falsify(found)) is None:
                firm.append(found)
            if found is None and not firm:
                return
            line = found or firm.popleft()
        truth = falsehood is not None
        if falsehood is None:
            explanation = wording.true_explanation.format(sentence=line.text)
            draft = material.draft(line, QuestionKind.TRUE_FALSE, material.lead(line) + line.text, explanation)
            yield line, replace(draft, truth=True)
        else:
            statement, made = falsehood
            explanation = wording.false_explanation.format(old=made.old, new=made.new, sentence=line.text)
            draft = material.draft(line, QuestionKind.TRUE_FALSE, material.lead(line) + statement, explanation)
            second = draft.second or not material.is_surely_false(line, made)
            yield line, replace(draft, truth=False, substitution=made, second=second)


def _unused_first(lines: Sequence[ClozeLine], used: Counter[tuple[int, int]]) -> Iterator[ClozeLine]:
    """Yield sentences, those about which a question is made by then behind the others."""
    waiting: list[ClozeLine] = []
    for line in lines:
        if used[line.place]:
            waiting.append(line)
        else:
            yield line
    yield from waiting


_FEWEST_STATEMENTS, _MOST_STATEMENTS = 3, 4
_MOST_LEANING_OF_OPTIONS = 0.15
"""How much statements lean that are told apart before anything better is left."""
_LONGEST_QUOTE = 900
"""Characters from the first statement to the end of the last."""


def multiple_choices(material: ClozeMaterial) -> Iterator[LineDraft]:
    """Yield questions about lists, then about neighboring sentences."""
    for line in material.lines:
        if draft := _members_choice(material, line):
            yield line, draft
    used: set[tuple[int, int]] = set()
    for window in _windows(material):
        places = {line.place for line in window}
        if not used & places and (draft := _statements_choice(material, window)):
            used |= places
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
    draft = material.draft(
        line,
        QuestionKind.MULTIPLE_CHOICE,
        wording.choose_members.format(gapped=material.lead(line) + line.text[:start] + GAP + line.text[end:]),
        wording.members_explanation.format(members=wording.member_separator.join(members), sentence=line.text),
    )
    correct = tuple(i for i, option in enumerate(options) if option in members)
    return replace(draft, options=tuple(options), correct=correct)


def _windows(material: ClozeMaterial) -> list[list[ClozeLine]]:
    """Return three or four neighboring sentences of one passage that can be options, the best first."""
    ordered = sorted(material.lines, key=lambda line: line.place)
    longest = material.language.cloze.longest_option
    windows = []
    for i, first in enumerate(ordered):
        window = [line for line in ordered[i : i + _MOST_STATEMENTS] if line.passage == first.passage]
        distinct = len({fold(line.text) for line in window}) == len(window) >= _FEWEST_STATEMENTS
        distinct = distinct and not any(map(material.leans, window))
        near = window[-1].end - first.start <= _LONGEST_QUOTE
        if distinct and near and all(len(line.text) <= longest for line in window):
            windows.append(window)
    return sorted(windows, key=lambda window: -sum(line.score for line in window) / len(window))


def _statements_choice(material: ClozeMaterial, window: Sequence[ClozeLine]) -> Draft | None:
    """Return a question in which one or two of the statements are false; None where none can be made so."""
    made = ((i, material.falsify(line)) for i, line in enumerate(window))
    false = [(i, falsehood) for i, falsehood in made if falsehood is not None]
    material.rng.shuffle(false)
    wrong = dict(false[: 1 if len(window) == _FEWEST_STATEMENTS else material.rng.choice((1, 2))])
    if not wrong:
        return None
    order = list(range(len(window)))
    material.rng.shuffle(order)
    wording = material.language.cloze.wording
    topic = _topic(window) or window[0].about
    notes = wording.note_separator.join(
        wording.exchange_note.format(old=made.old, new=made.new) for _, made in wrong.values()
    )
    draft = material.draft(
        window[0],
        QuestionKind.MULTIPLE_CHOICE,
        wording.choose_statements_about.format(topic=topic) if topic else wording.choose_statements,
        wording.statements_explanation.format(notes=notes),
        until=window[-1],
    )
    return replace(
        draft,
        second=max(line.leaning for line in window) >= _MOST_LEANING_OF_OPTIONS,
        options=tuple(wrong[i][0] if i in wrong else window[i].text for i in order),
        correct=tuple(position for position, i in enumerate(order) if i not in wrong),
    )


_OPENING = 0.4
"""Share of a sentence in which it names what it is about."""
_LEAST_OF_TOPIC = 0.75
"""Share of some sentences that speak of what they are said to be about."""


def _opens(line: ClozeLine, occurrence: Occurrence) -> bool:
    """Return whether a term stands where a sentence names what it is about."""
    return occurrence.start <= _OPENING * len(line.text)


def _topic(window: Sequence[ClozeLine]) -> str:
    """Return the term that nearly all of some sentences speak of; empty where there is none."""
    spoken_of = (term for line in window for term in {o.term for o in line.occurrences if _opens(line, o)})
    counts = Counter(term for term in spoken_of if term.category not in NUMERIC)
    best = max(counts, key=lambda term: (counts[term], term.score, term.text), default=None)
    return best.text if best is not None and counts[best] >= _LEAST_OF_TOPIC * len(window) else ""


_NAMES = frozenset((Category.NAME, Category.ACRONYM, Category.PERSON, Category.PLACE))
_FEWEST_POINTS, _MOST_POINTS = 2, 3
_CLAUSE = re.compile(r"[，；,;]\s*(?:(?:while|whereas|and|but|而|但)\s*)?")


def short_answers(material: ClozeMaterial) -> Iterator[LineDraft]:
    """Yield questions about what the material defines; of another subject no sentence alone says what to tell."""
    wording = material.language.cloze.wording
    for line in material.lines:
        definition = material.definition(line)
        rubric = _rubric(material, line, definition.term) if definition else ()
        if definition is None or len(rubric) < _FEWEST_POINTS or _names_one(material, line, definition.term):
            continue
        draft = material.draft(
            line,
            QuestionKind.SHORT_ANSWER,
            wording.define.format(name=_as_inside(material, line, definition.term)),
            wording.answer_explanation.format(sentence=line.text),
        )
        yield line, replace(draft, reference=line.text, rubric=rubric)


def _names_one(material: ClozeMaterial, line: ClozeLine, subject: str) -> bool:
    """Return whether a subject is the name of a person, a place or a work: it has a story, and no meaning."""
    occurrence = material.occurrence_of(line, subject)
    return occurrence is not None and material.is_one(subject, occurrence.term.category)


def _as_inside(material: ClozeMaterial, line: ClozeLine, subject: str) -> str:
    """Write a sentence's subject as the material writes it inside sentences; a name with its article."""
    occurrence = material.occurrence_of(line, subject)
    if occurrence is None:
        return subject
    if occurrence.term.category not in _NAMES:
        return subject if occurrence.term.text[:1].isupper() else subject[:1].lower() + subject[1:]
    article = material.language.statements.definite_article
    lead = line.text[: occurrence.start].casefold()
    return f"{article} {subject}" if article and lead == f"{article} " else subject


def _end_of_definition(text: str, language: Language) -> int:
    """Return where a sentence that defines two things goes on to the second: 进程是…，线程是…."""
    breaks = (found.end() for found in _CLAUSE.finditer(text))
    return next((end for end in breaks if language.reading.definition(text[end:].lstrip())), len(text))


def _rubric(material: ClozeMaterial, line: ClozeLine, subject: str) -> tuple[RubricPoint, ...]:
    """Return one point for each of the three best terms that the sentence says of its subject, in its order."""
    plain = fold(subject)
    others: dict[str, Occurrence] = {}
    end = _end_of_definition(line.text, material.language)
    for occurrence in line.occurrences:
        text = fold(line.said(occurrence))
        rules = material.language
        if occurrence.start >= end:
            continue
        if not rules.spaced and rules.cloze.is_part(line.text, occurrence.start, occurrence.end):
            continue
        if text not in plain and plain not in text and occurrence.term.category is not Category.NUMBER:
            others.setdefault(text, occurrence)
    ranked = sorted(others.values(), key=lambda occurrence: -occurrence.term.score)
    best: list[Occurrence] = []
    for occurrence in ranked:
        text = fold(line.said(occurrence))
        # One point for `explanation` and `explanations`.
        if not any(text in other or other in text for other in (fold(line.said(known)) for known in best)):
            best.append(occurrence)
    point = material.language.cloze.wording.rubric_point
    return tuple(
        RubricPoint(point.format(term=line.said(occurrence)), 1.0)
        for occurrence in sorted(best[:_MOST_POINTS], key=lambda occurrence: occurrence.start)
    )
