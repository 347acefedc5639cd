"""Multiple choice: a closed list and terms from elsewhere, or neighboring sentences of which some are made false."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from services.exercises.domain.cloze.material import ClozeMaterial, Falsehood, Line
from services.exercises.domain.text.enumerations import enumeration
from services.exercises.values.question import GAP, Draft, QuestionKind
from services.language.folding import fold
from services.language.key_terms import NUMERIC

_FEWEST_STATEMENTS, _MOST_STATEMENTS = 3, 4
_LONGEST_QUOTE = 900
"""Characters from the first statement to the end of the last."""


def multiple_choices(material: ClozeMaterial) -> Iterator[tuple[Line, Draft]]:
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


def _members_choice(material: ClozeMaterial, line: Line) -> Draft | None:
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


def _windows(material: ClozeMaterial) -> list[list[Line]]:
    """Three or four neighboring sentences of one passage that can be options, the best first."""
    ordered = sorted(material.lines, key=lambda line: line.place)
    windows = []
    for i, first in enumerate(ordered):
        window = [line for line in ordered[i : i + _MOST_STATEMENTS] if line.passage == first.passage]
        if len(window) >= _FEWEST_STATEMENTS and _are_options(window, material.language.cloze.longest_option):
            windows.append(window)
    return sorted(windows, key=lambda window: -sum(line.score for line in window) / len(window))


def _are_options(window: Sequence[Line], longest: int) -> bool:
    distinct = len({fold(line.text) for line in window}) == len(window)
    near = window[-1].end - window[0].start <= _LONGEST_QUOTE
    return distinct and near and all(len(line.text) <= longest for line in window)


def _statements_choice(material: ClozeMaterial, window: Sequence[Line]) -> Draft | None:
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
    """Say what should stand where in the false statements."""
    wording = material.language.cloze.wording
    exchanges = (falsehood.substitution for falsehood in false)
    return wording.note_separator.join(wording.exchange_note.format(old=e.old, new=e.new) for e in exchanges)


def _topic(window: Sequence[Line]) -> str:
    """Return the term that most of some sentences speak of; empty where no two do."""
    counts = Counter(
        occurrence.term
        for line in window
        for occurrence in set(line.occurrences)
        if occurrence.term.category not in NUMERIC
    )
    best = max(counts, key=lambda term: (counts[term], term.score, term.text), default=None)
    return best.text if best is not None and counts[best] >= 2 else ""
