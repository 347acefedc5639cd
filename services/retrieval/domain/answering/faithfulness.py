"""Whether a statement says otherwise than the sentence that it cites: another figure, another name, yes for no.

Words tell no more than that. A figure contradicts when no passage has it and the cited sentence has another of its
kind, or when it counts a thing of which the passages have another number alone; names do when the same two stand the
other way round; a denial when the same words stand without it. What is only worded differently passes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.language.detection import LANGUAGES
from services.language.figures import counted, figures
from services.language.scripts import HAN
from services.language.sentences import split_sentences
from services.language.terms import coverage, terms

_LONGEST = 400
"""Code points of a statement or a sentence that is compared."""
_SAME_MATTER = 0.6
"""Share of a clause's terms, without figures, that the other clause has when both are of one matter."""
_ROUGH = 0.1
"""Share by which a figure may be off that is said to be approximate."""
_CLAUSE = re.compile(r"[,，;；:：。.!！?？]\s*(?!\d)")


def contradicts(statement: str, quote: str, known: Sequence[str]) -> bool:
    """Return whether a statement contradicts the sentence that it cites; `known` are all passages and the question."""
    said, source = (LANGUAGES.one_spelling(text[:_LONGEST]) for text in (statement, quote))
    known = [LANGUAGES.one_spelling(text) for text in known]
    miscounts = _miscounts(said, source, known) or _counts_otherwise(said, known)
    return _denies(said, source) or _swaps(said, source) or miscounts


def _miscounts(statement: str, quote: str, known: Sequence[str]) -> bool:
    stated, sourced = figures(statement), figures(quote)
    unsourced = [figure for figure in stated - sourced if not figure.is_in(sourced)]
    if not unsourced or not sourced:
        return False
    told = {figure for text in known for piece in _pieces(text) for figure in figures(piece)}
    numbers = {figure.number for figure in told}
    others = [figure for figure in sourced - stated if not figure.is_in(stated)]
    rough = any(language.statements.roughly.search(statement) for language in LANGUAGES)
    return any(
        figure.is_of_kind(other) and not (rough and _near(figure.number, other.number))
        for figure in unsourced
        if figure.number not in numbers and not figure.is_in(told)
        for other in others
    )


def _counts_otherwise(statement: str, known: Sequence[str]) -> bool:
    """Return whether no passage has as many of a thing as a statement, and one has another number of it.

    The statement's number may stand there of another thing: six molecules of water, and eighteen of ATP.
    """
    stated = counted(statement)
    if not stated or any(language.statements.roughly.search(statement) for language in LANGUAGES):
        return False
    # Sentence by sentence: a window may begin amid a range, 7 to 10 percent.
    sentences = [text[slice(*span)] for text in known for span in split_sentences(text)]
    told = {one for sentence in sentences for one in counted(sentence)}
    things = {one[1:] for one in told}
    return any(one not in told and one[1:] in things for one in stated)


def _pieces(text: str) -> list[str]:
    return [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST - 40)]


def _near(one: str, other: str) -> bool:
    try:
        first, second = float(one), float(other)
    except ValueError:
        return False
    return abs(first - second) <= _ROUGH * max(abs(first), abs(second))


def _denies(statement: str, quote: str) -> bool:
    """Return whether one of two clauses of the same words denies what the other says."""
    for said in _clauses(statement):
        of_said = terms(_affirmed(said))
        best = max(_clauses(quote), key=lambda clause: coverage(of_said, terms(clause)), default="")
        of_best = terms(_affirmed(best))
        alike = min(coverage(of_said, of_best), coverage(of_best, of_said))
        if len(of_said) > 1 and alike >= _SAME_MATTER and _negations(said) % 2 != _negations(best) % 2:
            return True
    return False


def _clauses(text: str) -> list[str]:
    return [clause for clause in _CLAUSE.split(text) if clause.strip()] or [text]


def _negations(text: str) -> int:
    language = LANGUAGES.of(text)
    return len(list(language.statements.negation.finditer(text)))


def _affirmed(text: str) -> str:
    return LANGUAGES.of(text).statements.negation.sub(" ", text)


def _swaps(statement: str, quote: str) -> bool:
    """Return whether two names have changed places, and nothing else is different."""
    language = LANGUAGES.of(quote)
    if len(language.answering.passive.split(statement)) != len(language.answering.passive.split(quote)):
        return False
    names = [name for name in _names(quote) if name in statement]
    for first, second in ((a, b) for i, a in enumerate(names) for b in names[i + 1 :]):
        if first in second or second in first:
            continue
        if statement.find(second) < statement.find(first) and quote.find(first) < quote.find(second):
            between = terms(_between(quote, first, second)), terms(_between(statement, second, first))
            if between[0] and between[0] == between[1]:
                return True
    return False


def _between(text: str, first: str, second: str) -> str:
    return text[text.find(first) + len(first) : text.find(second)]


def _names(text: str) -> list[str]:
    """Return what may be names, in order: with a capital, or runs of ideographs that two sentences may share."""
    if any(map(str.isascii, text)) and LANGUAGES.of(text).spaced:
        return [found[0] for found in re.finditer(r"[A-ZÀ-Þ][\w’-]+(?: [A-ZÀ-Þ][\w’-]+)*", text)]
    runs = re.findall(rf"[{HAN}]+", text)
    return [run[at : at + size] for run in runs for size in (2, 3) for at in range(len(run) - size + 1)]
