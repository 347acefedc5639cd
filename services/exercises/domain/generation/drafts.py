"""From what a model writes to a draft of a question."""

from __future__ import annotations

import random
import re
from typing import Any

from services.exercises.domain.text.references import ALIKE, is_about_the_question
from services.exercises.domain.text.sentences import _LONGEST_CUT, LONGEST_EXPLANATION, clip, split
from services.exercises.domain.text.standalone import stands_alone
from services.exercises.domain.text.statements import exchanged, may_be_the_same, says_the_same
from services.exercises.values.question import GAP, Draft, Generator, QuestionKind, RubricPoint, Substitution
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.detection import CHINESE, language_of
from services.language.folding import bigrams, flatten, fold, similarity
from services.language.words import units


def draft_of(kind: QuestionKind, value: dict[str, Any], *, passage: int, model: str, rng: random.Random) -> Draft:
    """The draft in a model's JSON; RefusedError when a field is missing or of another type.

    Options are shuffled, since models like to put the right one first.
    """
    quote = _text(value, "quote")
    # A false statement comes without a stem: it is the quote with something exchanged.
    stem = _LABEL.sub("", _text(value, "quote" if "original" in value else "stem"))
    if kind is QuestionKind.SHORT_ANSWER:
        reference = _LABEL.sub("", _text(value, "reference"))
        said = units(reference)
        if len(said & units(quote)) < _LEAST_OF_QUOTE * len(said):
            reference = flatten(quote)
        return Draft(
            kind=kind,
            stem=stem,
            quote=quote,
            explanation=reference,
            generator=Generator.MODEL,
            reference=reference,
            rubric=tuple(RubricPoint(point, 1.0) for point in _points(_texts(value, "rubric"), stem, reference)),
            model=model,
            passage=passage,
        )
    explanation = "" if kind is QuestionKind.TRUE_FALSE else explanation_of(_text(value, "explanation"), quote)
    options: list[str] = []
    right: list[str] = []
    truth: bool | None = None
    substitution: Substitution | None = None
    blanks: tuple[tuple[str, ...], ...] = ()
    match kind:
        case QuestionKind.SINGLE_CHOICE:
            right = [_bare(_text(value, "answer"))]
            options = right + _distinct([_bare(text) for text in _texts(value, "distractors")])
        case QuestionKind.MULTIPLE_CHOICE:
            right = _distinct([_bare(text) for text in _texts(value, "correct")])
            wrong = _distinct([_bare(text) for text in _texts(value, "wrong")])
            language = language_of(quote)
            # What may be a right one under another name is no wrong one.
            options = right + [text for text in wrong if not any(may_be_the_same(text, r, language) for r in right)]
        case QuestionKind.TRUE_FALSE:
            stem, truth, substitution = _statement(stem, quote, value)
            explanation = _why(quote, substitution)
        case QuestionKind.FILL_IN_THE_BLANK:
            answer = _text(value, "answer").rstrip("。.")
            stem, found = _with_gap(stem, answer, quote)
            stem = _faithful(stem, found, quote)
            if fold(found) != fold(answer):
                explanation = clip(quote)
            blanks = ((found,),)
    order = list(range(len(options)))
    rng.shuffle(order)
    return Draft(
        kind=kind,
        stem=stem,
        quote=quote,
        explanation=explanation,
        generator=Generator.MODEL,
        options=tuple(options[i] for i in order),
        correct=tuple(position for position, i in enumerate(order) if i < len(right)),
        truth=truth,
        substitution=substitution,
        blanks=blanks,
        model=model,
        passage=passage,
    )


def _statement(stem: str, quote: str, value: dict[str, Any]) -> tuple[str, bool | None, Substitution | None]:
    """A true statement, or a false one and what was exchanged in it; without a truth where what is to be exchanged has
    no single place in the quote.

    What the model says in its own words counts where it is what the quote says; else the quote itself is the
    statement.
    """
    sentence = flatten(quote)
    if "original" in value:
        substitution = Substitution(_text(value, "original"), _text(value, "changed"))
        false = exchanged(sentence, substitution.old, substitution.new)
        return (sentence, None, None) if false is None else (false, False, substitution)
    return (stem if says_the_same(stem, quote) or not _stands_alone(sentence) else sentence), True, None


def _faithful(stem: str, answer: str, quote: str) -> str:
    """A gapped stem that says what the quote says, or else the quote with the answer cut out where that can be."""
    sentence = flatten(quote)
    if stem.count(GAP) != 1 or says_the_same(stem.replace(GAP, answer), quote) or not _stands_alone(sentence):
        return stem
    return exchanged(sentence, answer, GAP) or stem


def _stands_alone(sentence: str) -> bool:
    return stands_alone(sentence, language_of(sentence))


def _why(quote: str, substitution: Substitution | None) -> str:
    """Why a statement is true or false."""
    said = clip(flatten(quote))
    if language_of(quote) == CHINESE:
        return (
            f"错误。应为“{substitution.old}”，而不是“{substitution.new}”：{said}" if substitution else f"正确。{said}"
        )
    return f"False: it is “{substitution.old}”, not “{substitution.new}”. {said}" if substitution else f"True: {said}"


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not text.strip():
        raise RefusedError(Refusal.INVALID_JSON)
    return text.strip()


def _texts(value: dict[str, Any], name: str) -> list[str]:
    texts = value.get(name)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise RefusedError(Refusal.INVALID_JSON)
    return [text.strip() for text in texts]


def _distinct(texts: list[str]) -> list[str]:
    """Texts that say something, each once: a wrong option that is written twice is one wrong option."""
    return list({fold(text) or text: text for text in texts}.values())


def _points(texts: list[str], stem: str, reference: str) -> list[str]:
    """The points of a rubric, without those that only ask the question again or that the reference does not make."""
    asked = bigrams(fold(stem))
    made = units(reference)
    return [
        text
        for text in _distinct(texts)
        if fold(text)
        and similarity(bigrams(fold(text)), asked) < ALIKE
        and (2 * len(units(text) & made) >= len(units(text)))
    ]


def _bare(option: str) -> str:
    """An option without the letter that some models write before it."""
    return re.sub(r"^[(（]?[A-Ha-h][)）.．、:：]\s*", "", option)


_LABEL = re.compile(
    r"^(?:stem|question|answer|reference|explanation|true or false|题干|题目|问题|判断题?|单选题?|多选题?|单项选择题"
    r"|多项选择题|填空题?|简答题?|答案|参考答案|解析|理由)\s*(?:\d+\s*)?[:：]\s*",
    re.IGNORECASE,
)
"""What some models write before a text, in the place of nothing."""

_LEAST_OF_QUOTE = 0.5
"""Share of a reference answer's words that the quote has, below which the quote itself is the reference."""
_LEAST_SHARED = 0.5
"""Share of an explanation's words that the quote has, below which it says what nothing here proves."""
_LEAD = {
    CHINESE: re.compile(
        r"^(?:根据|依据|按照|由|从)?(?:材料|原文|上文|文中|文本|短文|文章|段落|表格|图表|表中|图中)(?:中|里)?(?:的?(?:内容|数据))?(?:明确)?"
        r"(?:(?:提到|指出|可知|所述|说明|写道|说到|表明|显示|给出)了?\s*[，,：:]?|[，,：:])\s*"
    ),
    "en": re.compile(
        r"^(?:(?:according to|as (?:stated|mentioned|described|explained) in|based on|in) (?:the|this) "
        r"(?:passage|text|material|sentence|paragraph|quote|statement)\s*,?\s*"
        r"|(?:it|(?:the|this) (?:passage|text|material|sentence|paragraph|quote|statement))(?: [a-z]+ly)? "
        r"(?:states|says|mentions|explains|indicates|shows|describes|confirms|tells us|notes) that\s+)",
        re.IGNORECASE,
    ),
}


def explanation_of(text: str, quote: str) -> str:
    """What an explanation says of its subject, at most 240 characters, cut where a sentence ends.

    Sentences that speak of the passage lose the words that do, or are left out. Where what is left is not for the
    better part in the words of the quote, the quote is the explanation: it is why the answer is right, while small
    models like to add what is not so.
    """
    language = language_of(text)
    kept = ""
    for sentence in split(_LABEL.sub("", text)):
        plain = _LEAD[language].sub("", sentence.text)
        if not fold(plain) or is_about_the_question(plain, language, quote) or fold(plain) in fold(kept):
            continue
        plain = plain[0].upper() + plain[1:]
        longer = plain if not kept else f"{kept}{'' if language == CHINESE else ' '}{plain}"
        if len(longer) > LONGEST_EXPLANATION:
            break
        kept = longer
    said = units(kept)
    return kept if said and len(said & units(quote)) >= _LEAST_SHARED * len(said) else clip(quote)


_ASKED_AFTERWARDS = re.compile(r"(?<=[.。!！])\s*[^.。!！?？]*[?？]\s*$")
"""`What is the missing word?` behind a statement with a gap."""
_GAP_LIKE = re.compile(r"_{2,}|＿+|[(（]\s*[)）]|\[\s*\]|【\s*】|…{2,}|\.{4,}")


def _with_gap(stem: str, answer: str, quote: str) -> tuple[str, str]:
    """A stem with its gap as "____", and its answer. A stem without one gets it where the answer stands, in whatever
    case, or is replaced by the quote with the answer cut out when that is the only place that holds it. Where a gapped
    stem is the quote but for the gap, the answer is what stands there."""
    stem = _GAP_LIKE.sub(GAP, stem)
    told = _ASKED_AFTERWARDS.sub("", stem)
    if GAP in told:
        stem = told
    if stem.count(GAP) == 1:
        before, after = map(re.escape, stem.rstrip("。.").split(GAP))
        cut = re.fullmatch(f"{before}(.{{1,{_LONGEST_CUT}}}){after}", quote.rstrip("。."), re.IGNORECASE)
        return stem, cut[1].strip() if cut else answer
    if GAP in stem:
        return stem, answer
    for sentence in (stem, quote):
        places = list(re.finditer(re.escape(answer), sentence, re.IGNORECASE))
        if len(places) == 1:
            start, end = places[0].span()
            return f"{sentence[:start]}{GAP}{sentence[end:]}", sentence[start:end]
    return stem, answer
