"""What is told to a learner after an answer: short, about the subject, and in the words of the quote."""

from __future__ import annotations

import re

from services.exercises.domain.text.references import is_about_the_question
from services.exercises.domain.text.sentences import clip, split
from services.exercises.values.question import Substitution
from services.language.detection import CHINESE, ENGLISH, language_of
from services.language.folding import flatten, fold
from services.language.words import units

LONGEST_EXPLANATION = 240
"""Characters."""
_LEAST_SHARED = 0.5
"""Share of an explanation's words that the quote has, below which it says what nothing here proves."""
_LABEL = re.compile(
    r"^(?:stem|question|answer|reference|explanation|true or false|题干|题目|问题|判断题?|单选题?|多选题?|单项选择题"
    r"|多项选择题|填空题?|简答题?|答案|参考答案|解析|理由)\s*(?:\d+\s*)?[:：]\s*",
    re.IGNORECASE,
)
"""What some models write before a text, in the place of nothing."""
_LEAD = {
    CHINESE: re.compile(
        r"^(?:根据|依据|按照|由|从)?(?:材料|原文|上文|文中|文本|短文|文章|段落|表格|图表|表中|图中)(?:中|里)?(?:的?(?:内容|数据))?(?:明确)?"
        r"(?:(?:提到|指出|可知|所述|说明|写道|说到|表明|显示|给出)了?\s*[，,：:]?|[，,：:])\s*"
    ),
    ENGLISH: re.compile(
        r"^(?:(?:according to|as (?:stated|mentioned|described|explained) in|based on|in) (?:the|this) "
        r"(?:passage|text|material|sentence|paragraph|quote|statement)\s*,?\s*"
        r"|(?:it|(?:the|this) (?:passage|text|material|sentence|paragraph|quote|statement))(?: [a-z]+ly)? "
        r"(?:states|says|mentions|explains|indicates|shows|describes|confirms|tells us|notes) that\s+)",
        re.IGNORECASE,
    ),
}
"""How a sentence begins that says where something is said."""


def unlabeled(text: str) -> str:
    """Return a text without the name of its field that some models write before it."""
    return _LABEL.sub("", text)


def explanation_of(text: str, quote: str) -> str:
    """Return what an explanation says of its subject, at most 240 characters, cut where a sentence ends.

    Sentences that speak of the passage lose the words that do, or are left out. Where what is left is not for the
    better part in the words of the quote, the quote is the explanation: it is why the answer is right, while small
    models like to add what is not so.
    """
    language = language_of(text)
    kept = ""
    for sentence in split(unlabeled(text)):
        plain = _LEAD[language].sub("", sentence.text)
        if not fold(plain) or is_about_the_question(plain, language, quote) or fold(plain) in fold(kept):
            continue
        plain = plain[0].upper() + plain[1:]
        longer = plain if not kept else f"{kept}{'' if language == CHINESE else ' '}{plain}"
        if len(longer) > LONGEST_EXPLANATION:
            break
        kept = longer
    said = units(kept)
    return kept if said and len(said & units(quote)) >= _LEAST_SHARED * len(said) else quote_as_explanation(quote)


def quote_as_explanation(quote: str) -> str:
    """Return a quote, cut where it is too long for an explanation."""
    return clip(quote, LONGEST_EXPLANATION)


def why(quote: str, substitution: Substitution | None) -> str:
    """Return why a statement is false, or true where nothing in it was exchanged."""
    said = quote_as_explanation(flatten(quote))
    chinese = language_of(quote) == CHINESE
    if substitution is None:
        return f"正确。{said}" if chinese else f"True: {said}"
    old, new = substitution.old, substitution.new
    return f"错误。应为“{old}”，而不是“{new}”：{said}" if chinese else f"False: it is “{old}”, not “{new}”. {said}"
