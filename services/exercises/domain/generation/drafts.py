"""From what a model writes to a draft of a question."""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import replace
from functools import cache

from services.exercises.domain.generation.stems import ALIKE
from services.exercises.domain.prompts.tasks import (
    FalseStatement,
    FillInTheBlank,
    MultipleChoice,
    QuestionAnswer,
    ShortAnswer,
    SingleChoice,
    TrueStatement,
)
from services.exercises.domain.text.sentences import clip, is_about_the_question, split, stands_alone
from services.exercises.domain.text.statements import exchanged, exchanges_nothing, may_be_the_same, says_the_same
from services.exercises.values.question import GAP, Draft, Generator, QuestionKind, RubricPoint, Substitution
from services.language.detection import LANGUAGES
from services.language.folding import bigrams, flatten, fold, similarity
from services.language.terms import units

_LEAST_OF_QUOTE = 0.5
"""If the quote has a smaller share of a reference answer's words, the quote itself is the reference."""
_LEAST_OF_REFERENCE = 0.5
"""If the reference has a smaller share of a rubric point's words, the point is dropped."""
_LONGEST_CUT = 40
"""Characters that a gap may stand for."""
_LONGEST_ABBREVIATION = 5
"""Characters of an abbreviation with its point."""


def draft_of(answer: QuestionAnswer, *, passage: int, model: str, rng: random.Random) -> Draft:
    """Return the draft of what a model wrote about the passage at a position, with the options in random order."""
    match answer:
        case SingleChoice():
            draft = _single_choice(answer, rng)
        case MultipleChoice():
            draft = _multiple_choice(answer, rng)
        case TrueStatement():
            draft = _true_statement(answer)
        case FalseStatement():
            draft = _false_statement(answer)
        case FillInTheBlank():
            draft = _fill_in_the_blank(answer)
        case ShortAnswer():
            draft = _short_answer(answer)
        case _:
            raise TypeError(f"no kind of question is written as {type(answer).__name__}")
    return replace(draft, passage=passage, model=model)


def _single_choice(answer: SingleChoice, rng: random.Random) -> Draft:
    (right,), wrong = _bare([answer.answer], answer.distractors)
    wording = LANGUAGES.of(answer.quote).cloze.wording
    explanation = explanation_of(answer.explanation, answer.quote, wording.choice_explanation, answer=right)
    draft = _draft(QuestionKind.SINGLE_CHOICE, answer, unlabeled(answer.stem), explanation)
    return _with_options(draft, [right], _distinct(wrong), rng)


def _multiple_choice(answer: MultipleChoice, rng: random.Random) -> Draft:
    right, wrong = map(_distinct, _bare(answer.correct, answer.wrong))
    language = LANGUAGES.of(answer.quote)
    # An option that may be a right one under another name is not wrong.
    wrong = [text for text in wrong if not any(may_be_the_same(text, other, language) for other in right)]
    wording = language.cloze.wording
    members = wording.member_separator.join(right)
    explanation = explanation_of(answer.explanation, answer.quote, wording.members_explanation, members=members)
    draft = _draft(QuestionKind.MULTIPLE_CHOICE, answer, unlabeled(answer.stem), explanation)
    return _with_options(draft, right, wrong, rng)


def _true_statement(answer: TrueStatement) -> Draft:
    """Return the model's own words if they say what the quote says, else the quote."""
    sentence = flatten(answer.quote)
    stem = unlabeled(answer.stem)
    if not exchanges_nothing(stem, answer.quote) and stands_alone(sentence, LANGUAGES.of(sentence)):
        stem = sentence
    return replace(_draft(QuestionKind.TRUE_FALSE, answer, stem, _why(answer.quote, None)), truth=True)


def _false_statement(answer: FalseStatement) -> Draft:
    """Return the quote with something exchanged; the draft gets no truth if that is not in exactly one place."""
    sentence = flatten(answer.quote)
    substitution = Substitution(answer.original, answer.changed)
    false = exchanged(sentence, substitution.old, substitution.new)
    if false is None:
        return _draft(QuestionKind.TRUE_FALSE, answer, sentence, _why(answer.quote, None))
    draft = _draft(QuestionKind.TRUE_FALSE, answer, false, _why(answer.quote, substitution))
    return replace(draft, truth=False, substitution=substitution)


def _fill_in_the_blank(answer: FillInTheBlank) -> Draft:
    key = answer.answer.rstrip("。.")
    stem, found = _with_gap(unlabeled(answer.stem), key, answer.quote)
    told = answer.explanation if fold(found) == fold(key) else ""
    draft = _draft(
        QuestionKind.FILL_IN_THE_BLANK,
        answer,
        _faithful(stem, found, answer.quote),
        explanation_of(told, answer.quote, LANGUAGES.of(answer.quote).cloze.wording.gap_explanation),
    )
    return replace(draft, blanks=((found,),))


def _short_answer(answer: ShortAnswer) -> Draft:
    stem, reference = unlabeled(answer.stem), unlabeled(answer.reference)
    if not _shares(reference, answer.quote, _LEAST_OF_QUOTE):
        reference = flatten(answer.quote)
    rubric = tuple(RubricPoint(point, 1.0) for point in _points(answer.rubric, stem, reference))
    return replace(_draft(QuestionKind.SHORT_ANSWER, answer, stem, reference), reference=reference, rubric=rubric)


def _draft(kind: QuestionKind, answer: QuestionAnswer, stem: str, explanation: str) -> Draft:
    return Draft(kind, stem, answer.quote, explanation, Generator.MODEL)


def _with_options(draft: Draft, right: list[str], wrong: list[str], rng: random.Random) -> Draft:
    options = right + wrong
    order = list(range(len(options)))
    rng.shuffle(order)
    return replace(
        draft,
        options=tuple(options[i] for i in order),
        correct=tuple(position for position, i in enumerate(order) if i < len(right)),
    )


def _distinct(options: list[str]) -> list[str]:
    """Return options, each once."""
    # In a number, signs and points count.
    return list({(not re.search(r"\d", text) and fold(text)) or text.strip(): text for text in options}.values())


_LETTER = re.compile(
    r"^\s*[(（【\[]?(?P<letter>[A-Ha-hＡ-Ｈ]|[1-8]|[①-⑧])(?P<mark>[)）】\].．、:：]|(?<=[①-⑧]))(?!\d)\s*(?=\S)"
)
_CLOSED = frozenset(")）】]、")
"""Marks that stand behind the letter of an option, and behind no initial: E. coli, B. Franklin."""


_MARKED = re.compile(
    r"\s{0,4}(?:(?<![A-Za-z0-9_])[(（\[【]\s{0,4}"
    r"(?:(?:the )?(?:correct|right|true|incorrect|wrong|false)(?: (?:answer|option))?"
    r"|(?:正确|错误)(?:答案|选项|项)?|答案|对|错)\s*[)）\]】]|[✓✔☑✅✗✘❌])\s*$",
    re.IGNORECASE,
)
"""What tells of an option whether it is the right one."""
_BULLET = re.compile(r"^\s*[-•·*]\s+(?=\S)")
_NAMED_LABEL = re.compile(r"^\s*(?:option|choice|answer|选项|答案)\s*(?=[(（]?[A-Ha-h1-8][)）.．、:：])", re.IGNORECASE)
_END_MARK = re.compile(r"(?<=\w)[.。]$")


def _unmarked(options: list[str]) -> list[str]:
    """Return options without markup, bullets and marks of the key, and with one end or none, so that none stands out.

    A dash before every option is a bullet; before one alone, it may be a minus.
    """
    plain = [_MARKED.sub("", _NAMED_LABEL.sub("", _plain(option))) for option in options]
    if all(map(_BULLET.match, plain)):
        plain = [_BULLET.sub("", option) for option in plain]
    if not all(map(_END_MARK.search, plain)):
        plain = [_END_MARK.sub("", option) if _is_sentence_end(option) else option for option in plain]
    return plain


def _is_sentence_end(option: str) -> bool:
    """Return whether a point at an option's end is no part of its last word: Inc., U.S., et al."""
    last = option.split()[-1] if option.split() else ""
    return option.endswith("。") or (len(last) > _LONGEST_ABBREVIATION and "." not in last[:-1])


def _bare(right: list[str], wrong: list[str]) -> tuple[list[str], list[str]]:
    """Return right and wrong options without the letters or numbers that some models write before them.

    A letter with a full stop or a colon is one if all options have theirs, from the first of the alphabet on, or if
    another option has one with a bracket.
    """
    options = _unmarked([*right, *wrong])
    found = [_LETTER.match(option) for option in options]
    letters = [unicodedata.normalize("NFKC", letter["letter"]).upper() for letter in found if letter]
    first = ("ABCDEFGH", "12345678")[letters[0].isdigit() if letters else 0]
    in_order = len(letters) == len(options) > 1 and sorted(letters) == list(first[: len(options)])
    cuts = (
        in_order
        or _misses_the_first(found, len(right))
        or any(letter and _is_label(option, letter) for option, letter in zip(options, found, strict=True))
    )
    bare = [
        option[letter.end() :] if letter and cuts else option for option, letter in zip(options, found, strict=True)
    ]
    return bare[: len(right)], bare[len(right) :]


def _misses_the_first(found: list[re.Match[str] | None], right: int) -> bool:
    """Return whether all wrong options have letters in a row, and the right ones none: these would tell the key."""
    letters = [letter["letter"].upper() for letter in found[right:] if letter]
    told = not any(found[:right]) and len(letters) == len(found) - right > 1
    return (
        told
        and "".join(sorted(letters)) in "ABCDEFGH"
        and all(letter is None or not letter.string[letter.end()].islower() for letter in found)
    )


def _is_label(option: str, letter: re.Match[str]) -> bool:
    """Return whether what opens an option is a label whatever the others have; "(a) and (b)" speaks of others."""
    speaks = any(known.stems.option_reference.search(option) for known in LANGUAGES)
    return letter["mark"] in _CLOSED and letter["letter"].isalpha() and not speaks


def _points(texts: list[str], stem: str, reference: str) -> list[str]:
    """Return the rubric points, each once, that the reference makes and that do not merely repeat the question."""
    asked = bigrams(fold(stem))
    distinct = {fold(text): text for text in texts if fold(text)}
    return [
        text
        for plain, text in distinct.items()
        if similarity(bigrams(plain), asked) < ALIKE and _shares(text, reference, _LEAST_OF_REFERENCE)
    ]


def _shares(text: str, source: str, least: float) -> bool:
    """Return whether a source has a share of a text's words."""
    said = units(text)
    return len(said & units(source)) >= least * len(said)


_ASKED_AFTERWARDS = re.compile(r"(?<=[.。!！])\s*[^.。!！?？]*[?？]\s*$")
"""`What is the missing word?` behind a statement with a gap."""
GAP_LIKE = re.compile(r"_{2,}|＿+|[(（]\s*[)）]|\[\s*\]|【\s*】|…{2,}|\.{4,}")
"""What models write for a gap."""


def _with_gap(stem: str, answer: str, quote: str) -> tuple[str, str]:
    """Return a stem with its gap as `____`, and its answer.

    A stem without a gap gets one where the answer stands, in any case. If the answer stands only in the quote, the
    quote with the answer cut out is the stem. If a stem is the quote with a gap, the answer is what the gap cut out.
    """
    stem = GAP_LIKE.sub(GAP, stem)
    told = _ASKED_AFTERWARDS.sub("", stem)
    if GAP in told:
        stem = told
    if stem.count(GAP) == 1:
        return stem, _cut_out(stem.rstrip("。."), quote.rstrip("。.")) or answer
    if GAP in stem:
        return stem, answer
    for sentence in (stem, quote):
        places = list(re.finditer(re.escape(answer), sentence, re.IGNORECASE))
        if len(places) == 1:
            start, end = places[0].span()
            return f"{sentence[:start]}{GAP}{sentence[end:]}", sentence[start:end]
    return stem, answer


def _cut_out(stem: str, quote: str) -> str:
    """Return what the one gap of a stem stands for in a quote, which is the stem otherwise; empty where it is not."""
    before, _, after = stem.partition(GAP)
    start, end = len(before), len(quote) - len(after)
    cut = quote[start:end]
    around = quote[:start].lower() == before.lower() and quote[end:].lower() == after.lower()
    return cut.strip() if around and 0 < end - start <= _LONGEST_CUT and "\n" not in cut else ""


def _faithful(stem: str, answer: str, quote: str) -> str:
    """Return a gapped stem if it says what the quote says, else the quote with the answer cut out, if possible."""
    sentence = flatten(quote)
    if stem.count(GAP) != 1 or says_the_same(stem.replace(GAP, answer), quote):
        return stem
    return (exchanged(sentence, answer, GAP) if stands_alone(sentence, LANGUAGES.of(sentence)) else None) or stem


LONGEST_EXPLANATION = 240
"""Characters."""
_LEAST_SHARED = 0.5
"""If the quote has a smaller share of an explanation's words, nothing proves the explanation."""


@cache
def _label() -> re.Pattern[str]:
    """Compile what some models write before a text: the name of its field, in any language."""
    labels = "|".join(language.writing.labels for language in LANGUAGES)
    # A number with a point and a space is the question's; one with a unit behind it begins a sentence.
    return re.compile(
        rf"^(?:(?:(?:{labels}|Q)\s*(?:\d+\s*)?[:：]|[(（【\[](?:{labels}|\d+\s?分|\d+ (?:points?|marks?))[)）】\]]"
        r"|第\s?\d+\s?题[:：.、]?|Q?\d{1,2}(?:[、)）]|[.．](?=\s+\D)))\s*)+(?=\S)",
        re.IGNORECASE,
    )


_MARKUP = re.compile(
    r"</?(?:b|i|u|em|strong|p|br|span|div|s|sub|sup|q|(?:\w+:)?think(?:ing)?|thought|reasoning)\s*/?>|<\|[^|>]{1,24}\|>"
    r"|\[/?INST\]|\*\*|`{3,}(?:\w+\n)?|^\s*#{1,6}\s+(?:\w{1,12}\n)?|\ufffd|&(?:quot|amp|lt|gt|nbsp|#\d+);|(?<=[?？.。])\s*\[\d\]\s*$"
)
_THOUGHTS = re.compile(r"<((?:\w+:)?think(?:ing)?|thought|reasoning)>.*?</\1>", re.DOTALL)


def _plain(text: str) -> str:
    return _MARKUP.sub("", _THOUGHTS.sub("", text)).strip()


def unlabeled(text: str) -> str:
    """Return a text without markup, thoughts, and the name or number of its field that some models write before it."""
    plain = _plain(text)
    return _label().sub("", plain) or plain


def explanation_of(text: str, quote: str, wording: str, **values: str) -> str:
    """Return what an explanation says of its subject, at most 240 characters, cut where a sentence ends.

    Talk of the passage is left out. If less than half of the rest is in the words of the quote, or nothing but the
    quote is, the quote explains: in `wording`, as its `{sentence}`, beside `values`.
    """
    language = LANGUAGES.of(text)
    kept = ""
    for sentence in split(unlabeled(text)):
        plain = language.writing.lead.sub("", sentence.text)
        if not fold(plain) or is_about_the_question(plain, language, quote) or fold(plain) in fold(kept):
            continue
        plain = plain[0].upper() + plain[1:]
        longer = plain if not kept else f"{kept}{' ' if language.spaced else ''}{plain}"
        if len(longer) > LONGEST_EXPLANATION:
            break
        kept = longer
    # Small models add what is wrong; the quote says why the answer is right.
    if units(kept) and fold(kept) != fold(quote) and _shares(kept, quote, _LEAST_SHARED):
        return kept
    return wording.format(sentence=clip(flatten(quote), LONGEST_EXPLANATION), **values)


def _why(quote: str, substitution: Substitution | None) -> str:
    """Return why a statement is false, or true if nothing in it was exchanged."""
    said = clip(flatten(quote), LONGEST_EXPLANATION)
    wording = LANGUAGES.of(quote).cloze.wording
    if substitution is None:
        return wording.true_explanation.format(sentence=said)
    return wording.false_explanation.format(old=substitution.old, new=substitution.new, sentence=said)
