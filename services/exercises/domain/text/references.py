"""Texts that speak of the material or of the question instead of their subject."""

from __future__ import annotations

import re

from services.language.detection import CHINESE, ENGLISH

_QUOTE_REFERENCE = re.compile(
    r"\b(?:this|the(?: (?:quoted|given|above))?) (?:sentence|statement|quote|text|question) (?:[a-z]+ly )?"
    r"(?:supports?|says|states|shows|confirms|proves|explains|describes|indicates|mentions|provides|highlights"
    r"|emphasi[sz]es|tells|matches)\b|\bthe (?:quote|stem|distractors?|(?:correct|given|provided) options?)\b"
    r"|\bthis is (?:the|a) (?:correct|true|false|right|wrong) (?:statement|answer|option)\b|\bit states that\b"
    r"|(?:这|该|此)(?:句话|句子|段话|一句|题)|原句中|题干|\bJSON ?(?:object|output|field|对象|字段|输出)",
    re.IGNORECASE,
)
"""How an explanation speaks of the question's making instead of its subject."""


_EN_PASSAGE_REFERENCE = re.compile(
    r"\b(?:in|from|to|of|by|with|does) (?:the|this|that) (?:passage|text|paragraph|excerpt|material)\b"
    r"|\b(?:in|by) this way\b|\bthis (?:sentence|statement)\b"
    r"|\b(?:the|this) (?:passage|excerpt|paragraph)\b|\b(?:mentioned|described|stated|given|listed) above\b"
    r"|\b(?:passage|text|paragraph|sentence)s? (?:above|below)\b|\baccording to the (?:text|passage"
    r"|material|article)\b",
    re.IGNORECASE,
)


_ZH_PASSAGE_REFERENCE = re.compile(
    r"(?:根据|依据|按照|结合|阅读|由|从)?(?:上文|上述|下文|文中|本文|短文|原文|文章|(?:以上|上面|给出的?"
    r"|给定的?|所给的?)(?:的)?"
    r"(?:材料|文本|段落|内容|资料|文字|句子)|(?:根据|依据|按照|结合|阅读)(?:材料|文本|段落|资料|课文|内容)"
    r"|材料(?:中|里|提到|指出|说明)|段落中|文本中)"
)
_PASSAGE_REFERENCE = {CHINESE: _ZH_PASSAGE_REFERENCE, ENGLISH: _EN_PASSAGE_REFERENCE}


def refers_to_passage(text: str, language: str) -> bool:
    """Whether a text speaks of the material, which the learner does not see."""
    return _PASSAGE_REFERENCE[language].search(text) is not None


def is_about_the_question(explanation: str, language: str, material: str) -> bool:
    """Whether an explanation speaks of the material or of how the question was made, and not of its subject. What the
    material itself says is no such talk: it may tell of the passage of time."""
    said = material.casefold()
    return any(
        found[0].casefold() not in said
        for pattern in (_PASSAGE_REFERENCE[language], _QUOTE_REFERENCE)
        for found in pattern.finditer(explanation)
    )
