"""The checks that every question passes, whoever made it, before it is stored.

The functions at the end list them by kind in the order in which they are asked, each with the reason of its refusal.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, starmap

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
from services.exercises.domain.text.sentences import is_about_the_question, refers_to_material
from services.exercises.domain.text.statements import (
    contradicts,
    exchanges_nothing,
    mentions,
    numbers,
    says_the_same,
    tells_numbers,
    undone,
)
from services.exercises.values.question import GAP, Draft, Generator, Passage, QuestionKind
from services.exercises.values.refusal import Refusal, RefusedError
from services.language import values
from services.language.detection import LANGUAGES, fits
from services.language.folding import bigrams, fold, says, similarity
from services.language.foreign import is_foreign
from services.language.language import Language
from services.language.patterns import compile_all
from services.language.quotes import locate
from services.language.scripts import HAN_CHARACTER
from services.language.terms import units
from services.language.values import same_value

_LEAST_SUPPORT = 0.25
"""Least share of the words of a statement or reference answer that its quote has: the rest may be wording."""
_WHOLE_QUOTE = 0.8
"""An answer of this share of its quote's length is the whole sentence, and so answers nothing in particular."""


_MOST_OPTIONS = 8
_SIGN = re.compile(r"[A-Z][A-Za-z]{0,2}|-?\d+(?:[./]\d+)?")
_LONGEST_SYMBOL = 3
"""Letters of a symbol of which none is a word: CO, Co, Mg."""
_MARKUP = re.compile(
    r"[\"'“”]\s*:\s*[\"'“”\[{]|\{\s*[\"'“”]|[\"”]\s*,\s*[\"“]|<\|"
    r"|(?:\(?A[.)、）:：] ?.+?\(?B[.)、）:：] ?.+?\(?C[.)、）:：])"
    r"|(?<=[?？.。])\s*(?:Answer|Key|答案|正确答案)\s*[:：]",
    re.DOTALL,
)
"""JSON, marks of a chat template, options or an answer in a stem."""


def check(draft: Draft, passage: Passage, accepted: Accepted) -> Source:
    """Take a question that passes every rule into `accepted` and return its source.

    Raises:
        RefusedError: it breaks a rule; the reason is that of the first.
    """
    # The source of a quote that is not found is empty, which is what its rule refuses.
    source = passage.source(*(locate(draft.quote, passage.text) or (0, 0)))
    candidate = _Candidate(draft, passage, source, LANGUAGES.of(passage.text))
    for refusal, is_broken in itertools.chain(_every_kind(candidate), _RULES[draft.kind](candidate)):
        if is_broken:
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
        """Whether every position of the key has an option."""
        return {*self.draft.correct} <= {*range(len(self.draft.options))} and len(self.right) == len(self.draft.correct)

    @property
    def is_by_model(self) -> bool:
        return self.draft.generator is Generator.MODEL

    @property
    def has_gap(self) -> bool:
        return GAP in self.draft.stem

    def fits(self, texts: Sequence[str], *, short: bool = False) -> bool:
        """Return whether texts are in the passage's language."""
        return all(
            fits(text, self.language, short=short)
            and not (self.language.spaced and any(han not in self.passage.text for han in HAN_CHARACTER.findall(text)))
            and not is_foreign(text, self.language, self.passage.text, question=asks(text, self.language))
            for text in texts
        )

    def supports(self, answer: str) -> bool:
        """Return whether the quote has to do with an answer: it has all its numbers and at least one of its words."""
        said = units(answer)
        if not tells_numbers(self.quote, answer):
            return False
        # What is only a number, and in another notation than the quote's, shares no word with it.
        return not said or bool(said & units(self.quote)) or not numbers(answer) <= numbers(self.quote)

    @property
    def quotes_a_wrong_option(self) -> bool:
        """Return whether the quote has a wrong option in its words, and of the right one less than half."""
        quoted = units(self.quote)
        told = any(numbers(option) or 2 * len(units(option) & quoted) >= len(units(option)) for option in self.right)
        return not told and any(says(self.quote, option) for option in self.wrong)

    @property
    def has_options_of_signs(self) -> bool:
        """Whether all options are letters or numbers of the matter itself: blood groups, 1/2 and 1/4, AC and DC."""
        if not all(map(_SIGN.fullmatch, self.draft.options)):
            return False
        words = set(re.findall(r"[^\W_]+", self.quote))
        return all(any(map(str.isdigit, option)) or option in words for option in self.right)

    def speaks_of_options(self, option: str) -> bool:
        """Return whether an option is about the others, or says that nothing is known; words of the quote are not."""
        return any(known.stems.option_reference.search(option) for known in LANGUAGES) and not says(self.quote, option)

    def offers(self, answer: str) -> bool:
        """Return whether the stem asks to choose between an answer and others that it names as well, each once."""
        named = self.language.stems.offers.format(answer=re.escape(answer))
        once = fold(self.stem).count(fold(answer)) == 1
        return once and re.search(named, self.stem, re.IGNORECASE) is not None

    @property
    def has_equal_options(self) -> bool:
        """Whether two options are one: the same value, or the same name in another form."""
        options = self.draft.options[:_MOST_OPTIONS]
        # In a number, signs and points count.
        named = [option for option in options if not numbers(option)]
        same = any(
            self._name(one) == self._name(other) and not _differ_in_case(one, other)
            for one, other in combinations(named, 2)
        )
        return same or any(starmap(_are_one_value, combinations(options, 2)))

    def _name(self, option: str) -> str:
        bare = self.language.stems.before_option.sub("", option.strip())
        return fold(self.language.naming.fold(bare)) or bare

    def rests_on_quote(self, text: str) -> bool:
        """Return whether enough of a text's words are the quote's."""
        said = units(text)
        return len(said & units(self.quote)) >= _LEAST_SUPPORT * len(said)


def _differ_in_case(one: str, other: str) -> bool:
    """Return whether two options are symbols that their case tells apart: CO and Co, DNA and dna not."""
    return max(len(one), len(other)) <= _LONGEST_SYMBOL and (one + other).isalpha() and not same_value(one, other)


def _are_one_value(one: str, other: str) -> bool:
    """Return whether two options are one value; plain words are compared as names."""
    plain = (one + other).isascii() and not numbers(one + other)
    return not plain and same_value(one, other, convert=True)


def _contradicts_source(candidate: _Candidate) -> bool:
    """Return whether a true statement departs from the quote, or a false one in more than its substitution."""
    draft, quote = candidate.draft, candidate.quote
    substitution = draft.substitution
    if draft.truth:
        return not exchanges_nothing(draft.statement, quote)
    if substitution is None or fold(draft.statement) in fold(candidate.passage.text):
        return True
    true = undone(draft.statement, substitution)
    known = not candidate.is_by_model or mentions(candidate.passage.text, substitution.new)
    return (
        true is None
        or not says_the_same(true, quote)
        or not contradicts(substitution, draft.statement, quote, candidate.language, known=known)
    )


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


_Rules = Iterator[tuple[Refusal, bool]]
"""Why a question is refused, and whether it is. A rule is asked only of a question that passed those before it."""


def _every_kind(it: _Candidate) -> _Rules:
    draft = it.draft
    yield Refusal.EMPTY_STEM, not fold(it.stem.replace(GAP, ""))
    yield Refusal.NO_EXPLANATION, not fold(draft.explanation)
    yield Refusal.WRONG_LANGUAGE, not it.fits((it.stem, draft.explanation))
    echo = any(echoes(text, it.language) for text in it.texts) or echoes_example(it.stem, it.language)
    yield Refusal.ECHOES_INSTRUCTIONS, echo
    yield Refusal.STEM_HAS_MARKUP, _MARKUP.search(it.stem) is not None
    yield Refusal.STEM_REFERS_TO_PASSAGE, refers_to_material(it.stem, it.language, it.passage.text)
    about = is_about_the_question(draft.explanation, it.language, it.passage.text)
    yield Refusal.EXPLANATION_REFERS_TO_PASSAGE, about
    yield Refusal.QUOTE_NOT_IN_MATERIAL, not it.quote


def _options(it: _Candidate) -> _Rules:
    yield Refusal.EMPTY_OPTION, not all(it.options)
    yield Refusal.EQUAL_OPTIONS, it.has_equal_options
    yield Refusal.OPTION_COUNT, not 3 <= len(it.options) <= _MOST_OPTIONS
    yield (
        Refusal.OPTION_REFERS_TO_OPTIONS,
        not it.has_options_of_signs and any(map(it.speaks_of_options, it.draft.options)),
    )
    yield Refusal.WRONG_LANGUAGE, not it.fits(it.draft.options, short=True)


def _single_choice(it: _Candidate) -> _Rules:
    yield from _options(it)
    yield Refusal.NO_SINGLE_KEY, not it.key_is_known or len(it.right) != 1
    yield Refusal.STEM_LEAKS_ANSWER, says(it.stem, it.right[0]) and not it.offers(it.right[0])
    yield Refusal.ANSWER_NOT_IN_QUOTE, not all(map(it.supports, it.right))
    yield Refusal.KEY_CONTRADICTS_SOURCE, it.is_by_model and it.quotes_a_wrong_option
    is_quote = it.is_by_model and len(fold(it.right[0])) >= _WHOLE_QUOTE * len(fold(it.quote))
    yield Refusal.ANSWER_IS_QUOTE, is_quote
    yield from _whole_stem(it)


def _multiple_choice(it: _Candidate) -> _Rules:
    yield from _options(it)
    yield Refusal.NO_MULTIPLE_KEY, not it.key_is_known or len(it.right) < 2 or not it.wrong
    yield Refusal.KEY_CONTRADICTS_SOURCE, any(says(it.quote, option) for option in it.wrong)
    yield Refusal.STEM_LEAKS_ANSWER, all(says(it.stem, option) for option in it.right)
    yield Refusal.ANSWER_NOT_IN_QUOTE, not all(map(it.supports, it.right))
    yield Refusal.ANSWERS_NOT_LISTED, it.is_by_model and not stand_in_list(it.right, it.quote)
    yield from _whole_stem(it)


def _true_false(it: _Candidate) -> _Rules:
    yield Refusal.NO_TRUTH, it.draft.truth is None
    yield Refusal.STEM_IS_NO_STATEMENT, it.has_gap or asks(it.stem, it.language)
    yield Refusal.STEM_IS_FRAGMENT, is_short_statement(it.stem, it.language)
    yield Refusal.ANSWER_NOT_IN_QUOTE, not it.rests_on_quote(it.draft.statement)
    yield Refusal.KEY_CONTRADICTS_SOURCE, _contradicts_source(it)


def _fill_in_the_blank(it: _Candidate) -> _Rules:
    yield Refusal.GAP_COUNT, _lacks_gaps(it)
    blanks = it.draft.blanks
    yield Refusal.ANSWER_NOT_IN_QUOTE, not all(fold(accepted[0]) in fold(it.quote) for accepted in blanks)
    yield Refusal.WRONG_LANGUAGE, not all(it.fits(accepted, short=True) for accepted in blanks)
    yield Refusal.STEM_LEAKS_ANSWER, any(says(it.stem, answer) for accepted in blanks for answer in accepted)
    yield from _whole_stem(it)


def _short_answer(it: _Candidate) -> _Rules:
    stem, reference, rubric = fold(it.stem), fold(it.draft.reference), it.draft.rubric
    yield Refusal.NO_REFERENCE, not reference
    yield Refusal.WRONG_LANGUAGE, not it.fits((it.draft.reference,), short=True)
    leaks = reference in stem or similarity(bigrams(stem), bigrams(reference)) >= ALIKE
    yield Refusal.STEM_LEAKS_ANSWER, leaks
    yield Refusal.ANSWER_NOT_IN_QUOTE, not it.rests_on_quote(it.draft.reference)
    empty = any(not fold(point.text) or point.points <= 0 for point in rubric)
    yield Refusal.NO_RUBRIC, empty or not 1 <= len(rubric) <= 6
    yield from _whole_stem(it)


def _whole_stem(it: _Candidate) -> _Rules:
    yield Refusal.STEM_IS_FRAGMENT, is_fragment(it.stem, it.language)
    yield Refusal.STEM_COPIES_MATERIAL, _copies_material(it)
    if it.is_by_model and not it.has_gap:
        # The words around a gap say what is asked for.
        yield Refusal.STEM_TOO_VAGUE, is_vague(it.stem, it.source, it.passage, it.language)
        yield Refusal.QUOTE_DOES_NOT_ANSWER, not can_answer(it.quote, it.stem)


_RULES: Mapping[QuestionKind, Callable[[_Candidate], _Rules]] = {
    QuestionKind.SINGLE_CHOICE: _single_choice,
    QuestionKind.MULTIPLE_CHOICE: _multiple_choice,
    QuestionKind.TRUE_FALSE: _true_false,
    QuestionKind.FILL_IN_THE_BLANK: _fill_in_the_blank,
    QuestionKind.SHORT_ANSWER: _short_answer,
}


_TERM_KINDS = frozenset((QuestionKind.SINGLE_CHOICE, QuestionKind.FILL_IN_THE_BLANK))
"""Kinds whose answer is a term; the answer of any other is what its source says."""
_LEAST_PART = 4
"""Folded letters of an answer that gives itself away inside a longer word: `tower` in `towers`."""


def prepare() -> None:
    """Read what the checks need: two tenths of a second, which is too long for an event loop."""
    values.prepare()
    for language in LANGUAGES:
        for rules in (language.reading, language.stems, language.writing):
            compile_all(rules)
        echoes("", language)


class Accepted:
    """The questions of one exercise, so that none repeats another or gives another's answer away."""

    def __init__(self) -> None:
        self._stems: list[frozenset[str]] = []
        self._keys: set[tuple[str, str]] = set()
        self._taken: list[tuple[Draft, Source]] = []

    @property
    def true_surplus(self) -> int:
        """How many more statements are true than false; below zero, how many fewer."""
        return sum(1 if draft.truth else -1 for draft, _ in self._taken if draft.truth is not None)

    def add(self, draft: Draft, source: Source) -> None:
        """Take a question in.

        Raises:
            RefusedError: it is another's DUPLICATE_STEM or DUPLICATE_KEY, or gives an ANSWER_IN_ANOTHER.
        """
        stem = bigrams(fold(draft.stem))
        if any(similarity(stem, other) >= ALIKE for other in self._stems):
            raise RefusedError(Refusal.DUPLICATE_STEM)
        key = (fold(source.quote), _key_text(draft))
        if key in self._keys:
            raise RefusedError(Refusal.DUPLICATE_KEY)
        if any(_gives_away((draft, source), other) for other in self._taken):
            raise RefusedError(Refusal.ANSWER_IN_ANOTHER)
        self._stems.append(stem)
        self._keys.add(key)
        self._taken.append((draft, source))

    def forget(self, draft: Draft, source: Source) -> None:
        """Take out a question that was taken in and is refused after all."""
        self._stems.remove(bigrams(fold(draft.stem)))
        self._keys.remove((fold(source.quote), _key_text(draft)))
        self._taken.remove((draft, source))


def _gives_away(one: tuple[Draft, Source], other: tuple[Draft, Source]) -> bool:
    """Return whether one of two questions shows what answers the other."""
    (draft, source), (second, second_source) = one, other
    if not {draft.kind, second.kind} <= _TERM_KINDS and draft.passage == second.passage:
        quotes = _folded(source.quote), _folded(second_source.quote)
        if quotes[0] in quotes[1] or quotes[1] in quotes[0]:
            return True
    return holds_answer(draft, second) or holds_answer(second, draft)


def holds_answer(shown: Draft, asked: Draft) -> bool:
    """Return whether what a learner reads of one question holds an answer of another."""
    texts = (shown.stem, *shown.options)
    return any(_holds(text, answer) for answer in _answers(asked) for text in texts)


def _answers(draft: Draft) -> list[str]:
    keys = [draft.options[index] for index in draft.correct]
    return [*keys, *(answer for accepted in draft.blanks for answer in accepted), *filter(None, [draft.reference])]


def _holds(text: str, answer: str) -> bool:
    plain = _folded(answer)
    # Most texts hold no answer, and to find that out must be quick: all questions are held against each other.
    if plain not in _folded(text):
        return False
    return (len(plain) >= _LEAST_PART and not any(map(str.isdigit, plain))) or says(text, answer)


_folded = lru_cache(maxsize=1 << 12)(fold)


def _key_text(draft: Draft) -> str:
    """Return a question's key, the same for equal answers whatever the kind asks."""
    options = "|".join(sorted(fold(draft.options[index]) for index in draft.correct))
    blanks = "|".join(fold(accepted[0]) for accepted in draft.blanks)
    return options or blanks or fold(draft.reference) or str(draft.truth)
