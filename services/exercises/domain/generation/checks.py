"""The checks that every question passes, whoever made it, before it is stored.

| rule | reason when broken |
| --- | --- |
| the quote stands in the passage | QUOTE_NOT_IN_MATERIAL |
| no question of the exercise has a like stem (folded character pairs, Jaccard ≥ 0.8) | DUPLICATE_STEM |
| no question of the exercise has the same quote and key | DUPLICATE_KEY |
| stem, options, key and explanation are in the passage's language | WRONG_LANGUAGE |
| no text repeats what a model was told about questions, or its worked example | ECHOES_INSTRUCTIONS |
| the stem says something and stands alone: no "the passage above", "根据上文" | EMPTY_STEM, STEM_REFERS_TO_PASSAGE |
| the stem is a whole question or gapped sentence; of true/false a statement | STEM_IS_FRAGMENT, STEM_IS_NO_STATEMENT |
| the stem is no question that the material itself asks | STEM_COPIES_MATERIAL |
| the stem of a model names something that its answer is about, beside the topic of the document | STEM_TOO_VAGUE |
| where it asks for a cause, a purpose or an effect, the quote gives one | QUOTE_DOES_NOT_ANSWER |
| the stem does not say its answer | STEM_LEAKS_ANSWER |
| choices: 3 to 8 options, none empty, no two equal | OPTION_COUNT, EMPTY_OPTION, EQUAL_OPTIONS |
| choices: no "all of the above", "以上都对" | OPTION_REFERS_TO_OPTIONS |
| single choice: exactly one right option | NO_SINGLE_KEY |
| multiple choice: at least two right options and one wrong | NO_MULTIPLE_KEY |
| multiple choice: the quote holds no wrong option | KEY_CONTRADICTS_SOURCE |
| single choice of a model: the answer is a part of the quote, not all of it | ANSWER_IS_QUOTE |
| multiple choice of a model: the right options stand in one list of the quote | ANSWERS_NOT_LISTED |
| choices: each right option shares a word, and every number, with the quote | ANSWER_NOT_IN_QUOTE |
| true/false: the statement rests on the quote | ANSWER_NOT_IN_QUOTE |
| true/false: a truth is given | NO_TRUTH |
| true/false: it says what the quote says; or would, but for an exchange that contradicts it | KEY_CONTRADICTS_SOURCE |
| gaps: as many as answers, at least one, each answer in the quote | GAP_COUNT, ANSWER_NOT_IN_QUOTE |
| short answer: a reference that rests on the quote | NO_REFERENCE, ANSWER_NOT_IN_QUOTE |
| short answer: a rubric of 1 to 6 points | NO_RUBRIC |
| an explanation is given and speaks of its subject, not of a passage | NO_EXPLANATION, EXPLANATION_REFERS_TO_PASSAGE |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from services.exercises.domain.generation.prompting import echoes, echoes_example
from services.exercises.domain.generation.stems import is_answered, is_vague
from services.exercises.domain.text.enumerations import stand_in_list
from services.exercises.domain.text.quotes import locate, source_of
from services.exercises.domain.text.references import ALIKE, is_about_the_question, refers_to_passage
from services.exercises.domain.text.statements import contradicts, is_verbatim, mentions, numbers, says_the_same, undone
from services.exercises.values.question import GAP, Draft, Generator, Passage, QuestionKind, Source
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.detection import CHINESE, ENGLISH, fits, language_of
from services.language.folding import bigrams, fold, similarity
from services.language.words import units

_LEAST_SUPPORT = 0.25
"""Share of the words of a statement or reference answer that its quote has: the rest may be wording."""


_WHOLE_QUOTE = 0.8
"""Length of an answer, as a share of its quote's, from which it answers nothing in particular: whatever a small model
asks, the whole sentence is what it then calls right."""


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

    def forget(self, draft: Draft, source: Source) -> None:
        """Takes out a question that was taken in and is refused after all."""
        self._stems.remove(bigrams(fold(draft.stem)))
        self._keys.remove((fold(source.quote), _key_text(draft)))


_OPTION_REFERENCE = re.compile(
    r"\b(?:all|none|both|any|neither|either)(?: of)? (?:the )?(?:above|these|options|answers|following)\b"
    r"|\bboth [a-d] and [a-d]\b|以上(?:都|全|皆|均|选项|所有|答案|各项|说法)|以上.{0,2}(?:是|对|错|不)"
    r"|上述(?:都|全|皆|均|选项|各项)"
    r"|(?:全部|都)(?:正确|错误|不对)$|[A-D]和[A-D]",
    re.IGNORECASE,
)


_SHORTEST_QUESTION = {CHINESE: 8, ENGLISH: 5}
_SHORTEST_STATEMENT = {CHINESE: 6, ENGLISH: 4}
"""In letters of Chinese and words of English."""
_SHORT_QUESTION = {
    CHINESE: re.compile(
        r"^(?:什么(?:是|叫)|为什么|简述|解释|说明|比较)[^？?。，]{2,}[？?。]?$|^[^？?。，]{2,}是什么意思"
    ),
    ENGLISH: re.compile(
        r"^(?:what (?:is|are) (?!(?:the|it|its|this|that|these|they)\b)(?:an? )?|define |explain |who (?:is|was) )"
        r"[\w’' -]{4,}[?.]?$",
        re.IGNORECASE,
    ),
}
"""Short and yet whole: `什么是蒸腾？`, `What is photolysis?`"""
_QUESTION = {
    CHINESE: re.compile(
        r"[？?][”」）)\s]*(?:[（(][^）)]*[）)])?\s*$|[？?]\n|吗[。]?$"
        r"|(?:什么|哪[些个一种项类]|谁|多少|为什么|为何|如何|怎样|怎么)[^。]{0,12}[（(]多选[）)]$"
    ),
    ENGLISH: re.compile(
        r"\?[”\"')\s]*(?:[(]?(?:choose|select|pick|give|explain)\b[^?]*)?$|\?\n"
        r"|^(?:which|why|is|are|does|do|did|can|could|was|were|whose)\b",
        re.IGNORECASE,
    ),
}
_TASK = {
    CHINESE: re.compile(
        r"说明|解释|简述|描述|列举|比较|分析|指出|举例|写出|谈谈|概括|论述|阐述|选出|计算"
        r"|(?:什么|哪|谁|几|多少|为何|如何|怎)|[（(]\s*[）)]\s*。?$|(?:的是|的有|包括|属于)[:：]?$"
    ),
    ENGLISH: re.compile(
        r"^(?:briefly )?(?:explain|describe|name|list|state|give|compare|define|outline|discuss|identify|choose|select"
        r"|summari[sz]e|what|who|when|where|how)\b|[:…]$",
        re.IGNORECASE,
    ),
}


def check(draft: Draft, passage: Passage, accepted: Accepted) -> Source:
    """The source of a question that passes every rule, which is then taken into `accepted`; RefusedError otherwise."""
    language = language_of(passage.text)
    if not fold(draft.stem.replace(GAP, "")):
        raise RefusedError(Refusal.EMPTY_STEM)
    if not fold(draft.explanation):
        raise RefusedError(Refusal.NO_EXPLANATION)
    if not fits(draft.stem, language) or not fits(draft.explanation, language):
        raise RefusedError(Refusal.WRONG_LANGUAGE)
    if any(echoes(text, language) for text in _texts(draft)) or echoes_example(draft.stem, language):
        raise RefusedError(Refusal.ECHOES_INSTRUCTIONS)
    if refers_to_passage(draft.stem, language):
        raise RefusedError(Refusal.STEM_REFERS_TO_PASSAGE)
    if is_about_the_question(draft.explanation, language, passage.text):
        raise RefusedError(Refusal.EXPLANATION_REFERS_TO_PASSAGE)
    place = locate(draft.quote, passage.text)
    if place is None:
        raise RefusedError(Refusal.QUOTE_NOT_IN_MATERIAL)
    source = source_of(passage, *place)
    match draft.kind:
        case QuestionKind.SINGLE_CHOICE | QuestionKind.MULTIPLE_CHOICE:
            _check_choice(draft, source, language)
        case QuestionKind.TRUE_FALSE:
            _check_true_false(draft, passage, source, language)
        case QuestionKind.FILL_IN_THE_BLANK:
            _check_gaps(draft, source, language)
        case QuestionKind.SHORT_ANSWER:
            _check_short_answer(draft, source, language)
    if draft.kind is not QuestionKind.TRUE_FALSE:
        if _is_fragment(draft.stem, language):
            raise RefusedError(Refusal.STEM_IS_FRAGMENT)
        if re.search(r"[?？]", draft.stem) and GAP not in draft.stem and fold(draft.stem) in fold(passage.text):
            raise RefusedError(Refusal.STEM_COPIES_MATERIAL)
        if draft.generator is Generator.MODEL and GAP not in draft.stem:
            if is_vague(draft.stem, source, passage, language):
                raise RefusedError(Refusal.STEM_TOO_VAGUE)
            if not is_answered(draft.stem, source.quote):
                raise RefusedError(Refusal.QUOTE_DOES_NOT_ANSWER)
    accepted.add(draft, source)
    return source


def _check_choice(draft: Draft, source: Source, language: str) -> None:
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
    elif any(_says(source.quote, option) for index, option in enumerate(draft.options) if index not in right):
        raise RefusedError(Refusal.KEY_CONTRADICTS_SOURCE)
    elif all(_says(draft.stem, draft.options[index]) for index in right):
        raise RefusedError(Refusal.STEM_LEAKS_ANSWER)
    if not all(_is_supported(draft.options[index], source.quote) for index in right):
        raise RefusedError(Refusal.ANSWER_NOT_IN_QUOTE)
    if draft.kind is QuestionKind.SINGLE_CHOICE and draft.generator is Generator.MODEL:
        answer = fold(draft.options[draft.correct[0]])
        if len(answer) >= _WHOLE_QUOTE * len(fold(source.quote)):
            raise RefusedError(Refusal.ANSWER_IS_QUOTE)
    listed = draft.kind is QuestionKind.MULTIPLE_CHOICE and draft.generator is Generator.MODEL
    if listed and not stand_in_list([draft.options[index] for index in right], source.quote):
        raise RefusedError(Refusal.ANSWERS_NOT_LISTED)


def _no_key(kind: QuestionKind) -> Refusal:
    return Refusal.NO_SINGLE_KEY if kind is QuestionKind.SINGLE_CHOICE else Refusal.NO_MULTIPLE_KEY


def _fold_option(option: str) -> str:
    """Options that differ in a sign or a comparison are different, so more is kept than in prose."""
    return fold(option) or option.strip()


def _is_supported(answer: str, quote: str) -> bool:
    """Whether a quote has to do with an answer: its numbers all stand there, and of its words at least one."""
    said = units(answer)
    return numbers(answer) <= numbers(quote) and (not said or bool(said & units(quote)))


def _check_true_false(draft: Draft, passage: Passage, source: Source, language: str) -> None:
    """A true statement says what the quote says, in as far as words tell; a false one does but for its exchange."""
    if draft.truth is None:
        raise RefusedError(Refusal.NO_TRUTH)
    if GAP in draft.stem or _asks(draft.stem, language):
        raise RefusedError(Refusal.STEM_IS_NO_STATEMENT)
    if _length(draft.stem, language) < _SHORTEST_STATEMENT[language]:
        raise RefusedError(Refusal.STEM_IS_FRAGMENT)
    _check_rests_on(draft.stem, source)
    if draft.truth:
        sound = is_verbatim(draft.stem, source.quote) or says_the_same(draft.stem, source.quote)
    else:
        true = undone(draft.stem, draft.substitution) if draft.substitution is not None else None
        known = draft.substitution is not None and (
            draft.generator is Generator.CLOZE or mentions(passage.text, draft.substitution.new)
        )
        sound = (
            draft.substitution is not None
            and true is not None
            and fold(draft.stem) not in fold(passage.text)
            and (is_verbatim(true, source.quote) or says_the_same(true, source.quote))
            and contradicts(draft.substitution, draft.stem, source.quote, language, known=known)
        )
    if not sound:
        raise RefusedError(Refusal.KEY_CONTRADICTS_SOURCE)


def _check_rests_on(text: str, source: Source) -> None:
    said = units(text)
    if len(said & units(source.quote)) < _LEAST_SUPPORT * len(said):
        raise RefusedError(Refusal.ANSWER_NOT_IN_QUOTE)


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


def _check_short_answer(draft: Draft, source: Source, language: str) -> None:
    if not fold(draft.reference):
        raise RefusedError(Refusal.NO_REFERENCE)
    if not fits(draft.reference, language, short=True):
        raise RefusedError(Refusal.WRONG_LANGUAGE)
    if fold(draft.reference) in fold(draft.stem) or similarity(*_pairs(draft.stem, draft.reference)) >= ALIKE:
        raise RefusedError(Refusal.STEM_LEAKS_ANSWER)
    _check_rests_on(draft.reference, source)
    if not 1 <= len(draft.rubric) <= 6 or any(not fold(p.text) or p.points <= 0 for p in draft.rubric):
        raise RefusedError(Refusal.NO_RUBRIC)


def _texts(draft: Draft) -> tuple[str, ...]:
    """What the learner gets to read of a question, but for the quote."""
    given = (draft.stem, draft.explanation, draft.reference)
    blanks = (answer for accepted in draft.blanks for answer in accepted)
    return (*(text for text in given if text), *draft.options, *blanks, *(point.text for point in draft.rubric))


def _pairs(one: str, other: str) -> tuple[frozenset[str], frozenset[str]]:
    return bigrams(fold(one)), bigrams(fold(other))


def _is_fragment(stem: str, language: str) -> bool:
    """Whether a stem is less than a whole question, task or gapped sentence."""
    if _SHORT_QUESTION[language].search(stem):
        return False
    if _length(stem, language) < _SHORTEST_QUESTION[language]:
        return True
    return not (GAP in stem or _asks(stem, language) or _TASK[language].search(stem))


def _asks(stem: str, language: str) -> bool:
    return _QUESTION[language].search(stem) is not None


def _length(stem: str, language: str) -> int:
    """Words of an English stem, letters of a Chinese one."""
    return len(fold(stem)) if language == CHINESE else len(re.findall(r"\w+", stem.replace(GAP, " ")))


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
