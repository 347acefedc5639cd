"""The checks that every question passes, whoever made it, before it is stored.

| rule | reason when broken |
| --- | --- |
| the quote stands in the passage | QUOTE_NOT_IN_MATERIAL |
| no question of the exercise has a like stem (folded character pairs, Jaccard ≥ 0.8) | DUPLICATE_STEM |
| no question of the exercise has the same quote and key | DUPLICATE_KEY |
| stem, options, key and explanation are in the passage's language | WRONG_LANGUAGE |
| the stem says something and stands alone: no "the passage above", "根据上文" | EMPTY_STEM, STEM_REFERS_TO_PASSAGE |
| the stem of a choice or gap does not say its answer | STEM_LEAKS_ANSWER |
| choices: 3 to 8 options, none empty, no two equal | OPTION_COUNT, EMPTY_OPTION, EQUAL_OPTIONS |
| choices: no "all of the above", "以上都对" | OPTION_REFERS_TO_OPTIONS |
| single choice: exactly one right option | NO_SINGLE_KEY |
| multiple choice: at least two right options and one wrong | NO_MULTIPLE_KEY |
| true/false: a truth is given, and a false statement is not what the passage says | NO_TRUTH, KEY_CONTRADICTS_SOURCE |
| gaps: as many as answers, at least one, each answer in the quote | GAP_COUNT, ANSWER_NOT_IN_QUOTE |
| short answer: a reference and a rubric of 1 to 6 points | NO_REFERENCE, NO_RUBRIC |
| an explanation is given | NO_EXPLANATION |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from services.exercises.languages import CHINESE, fits, language_of
from services.exercises.question import GAP, Draft, Passage, QuestionKind, Source
from services.exercises.quoting import locate, source_of
from services.exercises.texts import bigrams, fold, similarity

ALIKE = 0.8
"""Jaccard similarity of folded character pairs from which two stems count as one."""


class Refusal(StrEnum):
    """Why a question was refused; stable, part of the contract."""

    INVALID_JSON = "INVALID_JSON"
    QUOTE_NOT_IN_MATERIAL = "QUOTE_NOT_IN_MATERIAL"
    DUPLICATE_STEM = "DUPLICATE_STEM"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    WRONG_LANGUAGE = "WRONG_LANGUAGE"
    EMPTY_STEM = "EMPTY_STEM"
    STEM_REFERS_TO_PASSAGE = "STEM_REFERS_TO_PASSAGE"
    STEM_LEAKS_ANSWER = "STEM_LEAKS_ANSWER"
    OPTION_COUNT = "OPTION_COUNT"
    EMPTY_OPTION = "EMPTY_OPTION"
    EQUAL_OPTIONS = "EQUAL_OPTIONS"
    OPTION_REFERS_TO_OPTIONS = "OPTION_REFERS_TO_OPTIONS"
    NO_SINGLE_KEY = "NO_SINGLE_KEY"
    NO_MULTIPLE_KEY = "NO_MULTIPLE_KEY"
    NO_TRUTH = "NO_TRUTH"
    KEY_CONTRADICTS_SOURCE = "KEY_CONTRADICTS_SOURCE"
    GAP_COUNT = "GAP_COUNT"
    ANSWER_NOT_IN_QUOTE = "ANSWER_NOT_IN_QUOTE"
    NO_REFERENCE = "NO_REFERENCE"
    NO_RUBRIC = "NO_RUBRIC"
    NO_EXPLANATION = "NO_EXPLANATION"
    MODEL_FAILED = "MODEL_FAILED"


class RefusedError(Exception):
    """A question does not pass."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(slots=True)
class Accepted:
    """What the questions of one exercise already say, so that none repeats another."""

    _stems: list[frozenset[str]] = field(default_factory=list)
    _keys: set[tuple[str, str]] = field(default_factory=set)

    def add(self, draft: Draft, source: Source) -> None:
        """Takes a question in; RefusedError when it repeats one."""
        stem = bigrams(fold(draft.stem))
        if any(similarity(stem, other) >= ALIKE for other in self._stems):
            raise RefusedError(Refusal.DUPLICATE_STEM)
        key = (fold(source.quote), _key_text(draft))
        if key in self._keys:
            raise RefusedError(Refusal.DUPLICATE_KEY)
        self._stems.append(stem)
        self._keys.add(key)


_EN_PASSAGE_REFERENCE = re.compile(
    r"\b(?:in|from|to|of|by|with|does) (?:the|this|that) (?:passage|text|paragraph|excerpt|material)\b"
    r"|\b(?:the|this) (?:passage|excerpt|paragraph)\b|\b(?:mentioned|described|stated|given|listed) above\b"
    r"|\b(?:passage|text|paragraph|sentence)s? (?:above|below)\b|\baccording to the (?:text|passage"
    r"|material|article)\b",
    re.IGNORECASE,
)
_ZH_PASSAGE_REFERENCE = re.compile(
    r"(?:根据|依据|按照|结合|阅读|由|从)?(?:上文|上述|下文|文中|本文|短文|原文|文章|(?:以上|上面|给出的?"
    r"|给定的?|所给的?)(?:的)?"
    r"(?:材料|文本|段落|内容|资料|文字|句子)|(?:根据|依据|按照|结合|阅读)(?:材料|文本|段落|资料|课文|内容)"
    r"|材料中|段落中|文本中)"
)
_OPTION_REFERENCE = re.compile(
    r"\b(?:all|none|both|any|neither|either)(?: of)? (?:the )?(?:above|these|options|answers|following)\b"
    r"|\bboth [a-d] and [a-d]\b|以上(?:都|全|皆|均|选项|所有|答案|各项|说法)|以上.{0,2}(?:是|对|错|不)"
    r"|上述(?:都|全|皆|均|选项|各项)"
    r"|(?:全部|都)(?:正确|错误|不对)$|[A-D]和[A-D]",
    re.IGNORECASE,
)


def check(draft: Draft, passage: Passage, accepted: Accepted) -> Source:
    """The source of a question that passes every rule, which is then taken into `accepted`; RefusedError otherwise."""
    language = language_of(passage.text)
    if not fold(draft.stem.replace(GAP, "")):
        raise RefusedError(Refusal.EMPTY_STEM)
    if not fold(draft.explanation):
        raise RefusedError(Refusal.NO_EXPLANATION)
    if not fits(draft.stem, language) or not fits(draft.explanation, language):
        raise RefusedError(Refusal.WRONG_LANGUAGE)
    referring = _ZH_PASSAGE_REFERENCE if language == CHINESE else _EN_PASSAGE_REFERENCE
    if referring.search(draft.stem):
        raise RefusedError(Refusal.STEM_REFERS_TO_PASSAGE)
    place = locate(draft.quote, passage.text)
    if place is None:
        raise RefusedError(Refusal.QUOTE_NOT_IN_MATERIAL)
    source = source_of(passage, *place)
    match draft.kind:
        case QuestionKind.SINGLE_CHOICE | QuestionKind.MULTIPLE_CHOICE:
            _check_choice(draft, language)
        case QuestionKind.TRUE_FALSE:
            _check_true_false(draft, passage)
        case QuestionKind.FILL_IN_THE_BLANK:
            _check_gaps(draft, source, language)
        case QuestionKind.SHORT_ANSWER:
            _check_short_answer(draft, language)
    accepted.add(draft, source)
    return source


def _check_choice(draft: Draft, language: str) -> None:
    folded = [_fold_option(option) for option in draft.options]
    if not all(folded):
        raise RefusedError(Refusal.EMPTY_OPTION)
    if len(set(folded)) < len(folded):
        raise RefusedError(Refusal.EQUAL_OPTIONS)
    if not 3 <= len(folded) <= 8:
        raise RefusedError(Refusal.OPTION_COUNT)
    if any(_OPTION_REFERENCE.search(option) for option in draft.options):
        raise RefusedError(Refusal.OPTION_REFERS_TO_OPTIONS)
    if not all(fits(option, language, short=True) for option in draft.options):
        raise RefusedError(Refusal.WRONG_LANGUAGE)
    right = {index for index in draft.correct if 0 <= index < len(folded)}
    if len(right) < len(draft.correct):
        raise RefusedError(_no_key(draft.kind))
    if draft.kind is QuestionKind.SINGLE_CHOICE:
        if len(right) != 1:
            raise RefusedError(Refusal.NO_SINGLE_KEY)
        if _says(draft.stem, draft.options[draft.correct[0]]):
            raise RefusedError(Refusal.STEM_LEAKS_ANSWER)
    elif not 2 <= len(right) < len(folded):
        raise RefusedError(Refusal.NO_MULTIPLE_KEY)


def _no_key(kind: QuestionKind) -> Refusal:
    return Refusal.NO_SINGLE_KEY if kind is QuestionKind.SINGLE_CHOICE else Refusal.NO_MULTIPLE_KEY


def _fold_option(option: str) -> str:
    """Options that differ in a sign or a comparison are different, so more is kept than in prose."""
    return fold(option) or option.strip()


def _check_true_false(draft: Draft, passage: Passage) -> None:
    if draft.truth is None:
        raise RefusedError(Refusal.NO_TRUTH)
    if not draft.truth and fold(draft.stem) in fold(passage.text):
        raise RefusedError(Refusal.KEY_CONTRADICTS_SOURCE)


def _check_gaps(draft: Draft, source: Source, language: str) -> None:
    gaps = draft.stem.count(GAP)
    if gaps == 0 or gaps != len(draft.blanks) or re.search(r"_{5,}", draft.stem):
        raise RefusedError(Refusal.GAP_COUNT)
    quote = fold(source.quote)
    for accepted in draft.blanks:
        if not accepted or not fold(accepted[0]):
            raise RefusedError(Refusal.GAP_COUNT)
        if fold(accepted[0]) not in quote:
            raise RefusedError(Refusal.ANSWER_NOT_IN_QUOTE)
        if not all(fits(answer, language, short=True) for answer in accepted):
            raise RefusedError(Refusal.WRONG_LANGUAGE)
        if any(_says(draft.stem, answer) for answer in accepted):
            raise RefusedError(Refusal.STEM_LEAKS_ANSWER)


def _check_short_answer(draft: Draft, language: str) -> None:
    if not fold(draft.reference):
        raise RefusedError(Refusal.NO_REFERENCE)
    if not fits(draft.reference, language, short=True):
        raise RefusedError(Refusal.WRONG_LANGUAGE)
    if not 1 <= len(draft.rubric) <= 6 or any(not fold(p.text) or p.points <= 0 for p in draft.rubric):
        raise RefusedError(Refusal.NO_RUBRIC)


def _says(stem: str, answer: str) -> bool:
    """Whether a stem gives an answer away. Words of Latin script must match whole; a single digit is no clue."""
    plain = fold(answer)
    if len(plain) < 2:
        return False
    if plain.isascii():
        pattern = (
            r"(?<![0-9a-z])" + r"\W*".join(map(re.escape, re.findall(r"\w+", answer.casefold()))) + r"(?![0-9a-z])"
        )
        return re.search(pattern, stem.casefold()) is not None
    return plain in fold(stem)


def _key_text(draft: Draft) -> str:
    match draft.kind:
        case QuestionKind.SINGLE_CHOICE | QuestionKind.MULTIPLE_CHOICE:
            return "|".join(sorted(fold(draft.options[index]) for index in draft.correct))
        case QuestionKind.TRUE_FALSE:
            return str(draft.truth)
        case QuestionKind.FILL_IN_THE_BLANK:
            return "|".join(fold(accepted[0]) for accepted in draft.blanks)
        case QuestionKind.SHORT_ANSWER:
            return fold(draft.reference)
