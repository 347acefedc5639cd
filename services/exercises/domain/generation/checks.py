"""The checks that every question passes, whoever made it, before it is stored.

The tables at the end list them by kind in the order in which they are asked, each with the reason of its refusal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from services.common.values import Source
from services.exercises.domain.generation.stems import (
    ALIKE,
    asks,
    can_answer,
    is_fragment,
    is_short_statement,
    is_vague,
)
from services.exercises.domain.prompts.echoes import echoes, echoes_example
from services.exercises.domain.text.enumerations import stand_in_list
from services.exercises.domain.text.quotes import locate
from services.exercises.domain.text.sentences import is_about_the_question, refers_to_passage
from services.exercises.domain.text.statements import contradicts, is_verbatim, mentions, numbers, says_the_same, undone
from services.exercises.values.question import GAP, Draft, Generator, Passage, QuestionKind
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.detection import LANGUAGES, fits
from services.language.folding import bigrams, fold, says, similarity
from services.language.language import Language
from services.language.terms import units

_LEAST_SUPPORT = 0.25
"""Least share of the words of a statement or reference answer that its quote has: the rest may be wording."""
_WHOLE_QUOTE = 0.8
"""An answer of this share of its quote's length is the whole sentence, and so answers nothing in particular."""


def check(draft: Draft, passage: Passage, accepted: Accepted) -> Source:
    """Take a question that passes every rule into `accepted` and return its source, or refuse it for the first rule."""
    # The source of a quote that is not found is empty, which is what its rule refuses.
    source = passage.source(*(locate(draft.quote, passage.text) or (0, 0)))
    candidate = _Candidate(draft, passage, source, LANGUAGES.of(passage.text))
    for refusal, is_broken in _EVERY_KIND + _RULES[draft.kind]:
        if is_broken(candidate):
            raise RefusedError(refusal)
    accepted.add(draft, source)
    return source


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A question that is checked, and what it is checked against."""

    draft: Draft
    passage: Passage
    source: Source
    language: Language

    @property
    def stem(self) -> str:
        return self.draft.stem

    @property
    def quote(self) -> str:
        return self.source.quote

    @property
    def texts(self) -> Sequence[str]:
        """The texts of the question that the learner reads, without the quote."""
        draft = self.draft
        given = (text for text in (draft.stem, draft.explanation, draft.reference) if text)
        blanks = (answer for accepted in draft.blanks for answer in accepted)
        return (*given, *draft.options, *blanks, *(point.text for point in draft.rubric))

    @property
    def options(self) -> list[str]:
        """The options, folded; one that holds only signs stays as it is."""
        return [fold(option) or option.strip() for option in self.draft.options]

    @property
    def right(self) -> list[str]:
        """The right options, each once; positions without an option are left out."""
        return [option for index, option in enumerate(self.draft.options) if index in self.draft.correct]

    @property
    def wrong(self) -> list[str]:
        return [option for index, option in enumerate(self.draft.options) if index not in self.draft.correct]

    @property
    def key_is_known(self) -> bool:
        """Return whether every position of the key has an option."""
        return {*self.draft.correct} <= {*range(len(self.draft.options))} and len(self.right) == len(self.draft.correct)

    @property
    def is_by_model(self) -> bool:
        return self.draft.generator is Generator.MODEL

    @property
    def has_gap(self) -> bool:
        return GAP in self.draft.stem

    def fits(self, texts: Sequence[str], *, short: bool = False) -> bool:
        """Return whether texts are in the passage's language."""
        return all(fits(text, self.language, short=short) for text in texts)

    def supports(self, answer: str) -> bool:
        """Return whether the quote has to do with an answer: it has all its numbers and at least one of its words."""
        said = units(answer)
        return numbers(answer) <= numbers(self.quote) and (not said or bool(said & units(self.quote)))

    def rests_on_quote(self, text: str) -> bool:
        """Return whether enough of a text's words are the quote's."""
        said = units(text)
        return len(said & units(self.quote)) >= _LEAST_SUPPORT * len(said)


def _contradicts_source(candidate: _Candidate) -> bool:
    """Return whether a true statement departs from the quote, or a false one in more than its substitution."""
    draft, quote = candidate.draft, candidate.quote
    substitution = draft.substitution
    if draft.truth:
        return not _says_what(draft.stem, quote)
    if substitution is None or fold(draft.stem) in fold(candidate.passage.text):
        return True
    true = undone(draft.stem, substitution)
    known = not candidate.is_by_model or mentions(candidate.passage.text, substitution.new)
    return (
        true is None
        or not _says_what(true, quote)
        or not contradicts(substitution, draft.stem, quote, candidate.language, known=known)
    )


def _says_what(statement: str, quote: str) -> bool:
    return is_verbatim(statement, quote) or says_the_same(statement, quote)


def _lacks_gaps(candidate: _Candidate) -> bool:
    """Return whether gaps and answers differ in number, or an answer says nothing."""
    gaps, blanks = candidate.stem.count(GAP), candidate.draft.blanks
    return (
        gaps == 0
        or gaps != len(blanks)
        or re.search(r"_{5,}", candidate.stem) is not None
        or not all(accepted and fold(accepted[0]) for accepted in blanks)
    )


def _copies_material(candidate: _Candidate) -> bool:
    question = re.search(r"[?？]", candidate.stem) and not candidate.has_gap
    return bool(question) and fold(candidate.stem) in fold(candidate.passage.text)


def _asks_by_model(candidate: _Candidate) -> bool:
    """Return whether a model wrote a question without a gap: the words around a gap say what is asked for."""
    return candidate.is_by_model and not candidate.has_gap


def _speaks_of_options(option: str) -> bool:
    return any(known.stems.option_reference.search(option) for known in LANGUAGES)


_Rules = tuple[tuple[Refusal, Callable[[_Candidate], bool]], ...]
"""Why a question is refused, and whether it is."""

_EVERY_KIND: _Rules = (
    (Refusal.EMPTY_STEM, lambda it: not fold(it.stem.replace(GAP, ""))),
    (Refusal.NO_EXPLANATION, lambda it: not fold(it.draft.explanation)),
    (Refusal.WRONG_LANGUAGE, lambda it: not it.fits((it.stem, it.draft.explanation))),
    (
        Refusal.ECHOES_INSTRUCTIONS,
        lambda it: any(echoes(text, it.language) for text in it.texts) or echoes_example(it.stem, it.language),
    ),
    (Refusal.STEM_REFERS_TO_PASSAGE, lambda it: refers_to_passage(it.stem, it.language)),
    (
        Refusal.EXPLANATION_REFERS_TO_PASSAGE,
        lambda it: is_about_the_question(it.draft.explanation, it.language, it.passage.text),
    ),
    (Refusal.QUOTE_NOT_IN_MATERIAL, lambda it: not it.quote),
)
_OPTIONS: _Rules = (
    (Refusal.EMPTY_OPTION, lambda it: not all(it.options)),
    (Refusal.EQUAL_OPTIONS, lambda it: len({*it.options}) < len(it.options)),
    (Refusal.OPTION_COUNT, lambda it: not 3 <= len(it.options) <= 8),
    (Refusal.OPTION_REFERS_TO_OPTIONS, lambda it: any(map(_speaks_of_options, it.draft.options))),
    (Refusal.WRONG_LANGUAGE, lambda it: not it.fits(it.draft.options, short=True)),
)
_SINGLE_CHOICE: _Rules = (
    *_OPTIONS,
    (Refusal.NO_SINGLE_KEY, lambda it: not it.key_is_known or len(it.right) != 1),
    (Refusal.STEM_LEAKS_ANSWER, lambda it: says(it.stem, it.right[0])),
    (Refusal.ANSWER_NOT_IN_QUOTE, lambda it: not all(map(it.supports, it.right))),
    (
        Refusal.ANSWER_IS_QUOTE,
        lambda it: it.is_by_model and len(fold(it.right[0])) >= _WHOLE_QUOTE * len(fold(it.quote)),
    ),
)
_MULTIPLE_CHOICE: _Rules = (
    *_OPTIONS,
    (Refusal.NO_MULTIPLE_KEY, lambda it: not it.key_is_known or len(it.right) < 2 or not it.wrong),
    (Refusal.KEY_CONTRADICTS_SOURCE, lambda it: any(says(it.quote, option) for option in it.wrong)),
    (Refusal.STEM_LEAKS_ANSWER, lambda it: all(says(it.stem, option) for option in it.right)),
    (Refusal.ANSWER_NOT_IN_QUOTE, lambda it: not all(map(it.supports, it.right))),
    (Refusal.ANSWERS_NOT_LISTED, lambda it: it.is_by_model and not stand_in_list(it.right, it.quote)),
)
_TRUE_FALSE: _Rules = (
    (Refusal.NO_TRUTH, lambda it: it.draft.truth is None),
    (Refusal.STEM_IS_NO_STATEMENT, lambda it: it.has_gap or asks(it.stem, it.language)),
    (Refusal.STEM_IS_FRAGMENT, lambda it: is_short_statement(it.stem, it.language)),
    (Refusal.ANSWER_NOT_IN_QUOTE, lambda it: not it.rests_on_quote(it.stem)),
    (Refusal.KEY_CONTRADICTS_SOURCE, _contradicts_source),
)
_GAPS: _Rules = (
    (Refusal.GAP_COUNT, _lacks_gaps),
    (
        Refusal.ANSWER_NOT_IN_QUOTE,
        lambda it: not all(fold(accepted[0]) in fold(it.quote) for accepted in it.draft.blanks),
    ),
    (Refusal.WRONG_LANGUAGE, lambda it: not all(it.fits(accepted, short=True) for accepted in it.draft.blanks)),
    (
        Refusal.STEM_LEAKS_ANSWER,
        lambda it: any(says(it.stem, answer) for accepted in it.draft.blanks for answer in accepted),
    ),
)
_SHORT_ANSWER: _Rules = (
    (Refusal.NO_REFERENCE, lambda it: not fold(it.draft.reference)),
    (Refusal.WRONG_LANGUAGE, lambda it: not it.fits((it.draft.reference,), short=True)),
    (
        Refusal.STEM_LEAKS_ANSWER,
        lambda it: (
            fold(it.draft.reference) in fold(it.stem)
            or similarity(bigrams(fold(it.stem)), bigrams(fold(it.draft.reference))) >= ALIKE
        ),
    ),
    (Refusal.ANSWER_NOT_IN_QUOTE, lambda it: not it.rests_on_quote(it.draft.reference)),
    (
        Refusal.NO_RUBRIC,
        lambda it: (
            not 1 <= len(it.draft.rubric) <= 6
            or any(not fold(point.text) or point.points <= 0 for point in it.draft.rubric)
        ),
    ),
)
_WHOLE_STEM: _Rules = (
    (Refusal.STEM_IS_FRAGMENT, lambda it: is_fragment(it.stem, it.language)),
    (Refusal.STEM_COPIES_MATERIAL, _copies_material),
    (Refusal.STEM_TOO_VAGUE, lambda it: _asks_by_model(it) and is_vague(it.stem, it.source, it.passage, it.language)),
    (Refusal.QUOTE_DOES_NOT_ANSWER, lambda it: _asks_by_model(it) and not can_answer(it.quote, it.stem)),
)
_RULES: Mapping[QuestionKind, _Rules] = MappingProxyType(
    {
        QuestionKind.SINGLE_CHOICE: _SINGLE_CHOICE + _WHOLE_STEM,
        QuestionKind.MULTIPLE_CHOICE: _MULTIPLE_CHOICE + _WHOLE_STEM,
        QuestionKind.TRUE_FALSE: _TRUE_FALSE,
        QuestionKind.FILL_IN_THE_BLANK: _GAPS + _WHOLE_STEM,
        QuestionKind.SHORT_ANSWER: _SHORT_ANSWER + _WHOLE_STEM,
    }
)
"""The rules of a kind, which follow those of every kind, in their order."""


class Accepted:
    """The stems and keys of the questions of one exercise."""

    def __init__(self) -> None:
        self._stems: list[frozenset[str]] = []
        self._keys: set[tuple[str, str]] = set()

    def add(self, draft: Draft, source: Source) -> None:
        """Take a question in, or refuse it as DUPLICATE_STEM or DUPLICATE_KEY."""
        stem = bigrams(fold(draft.stem))
        if any(similarity(stem, other) >= ALIKE for other in self._stems):
            raise RefusedError(Refusal.DUPLICATE_STEM)
        key = (fold(source.quote), _key_text(draft))
        if key in self._keys:
            raise RefusedError(Refusal.DUPLICATE_KEY)
        self._stems.append(stem)
        self._keys.add(key)

    def forget(self, draft: Draft, source: Source) -> None:
        """Take out a question that was taken in and is refused after all."""
        self._stems.remove(bigrams(fold(draft.stem)))
        self._keys.remove((fold(source.quote), _key_text(draft)))


def _key_text(draft: Draft) -> str:
    """Return a question's key, the same for equal answers whatever the kind asks."""
    match draft.kind:
        case QuestionKind.SINGLE_CHOICE | QuestionKind.MULTIPLE_CHOICE:
            return "|".join(sorted(fold(draft.options[index]) for index in draft.correct))
        case QuestionKind.TRUE_FALSE:
            return str(draft.truth)
        case QuestionKind.FILL_IN_THE_BLANK:
            return "|".join(fold(accepted[0]) for accepted in draft.blanks)
        case QuestionKind.SHORT_ANSWER:
            return fold(draft.reference)
