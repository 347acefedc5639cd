"""Whether a sentence can be understood without its neighbors."""

from __future__ import annotations

import re

from services.language.detection import CHINESE

_OPENS_BADLY = {
    "zh": re.compile(
        r"^(?:它|他|她|这|那|其|该|此|因此|所以|但|而|然而|不过|同时|另外|此外|例如|比如|如图|如下|由此"
        r"|于是|可见|总之|也|并|则|前者|后者|"
        r"首先|其次|最后|接着|然后|第[一二三四五]|上述|以上|以下|下面|我们|你|我|[^，]{1,8}，(?:他|她|它|其"
        r"|该)|在他们|在它们|在此|在这"
        r"|在其|与此|否则|反之|相反|换言之|换句话说|注意|图[是中示]|表[是中示]|见图|见表"
        r"|小结|总结|一句话|提示|想一想|思考|讨论|观察|请|例[：题]|运用|说出|举例|区分|判断|解释|描述|分析"
        r"|认识|了解|掌握|理解|学会|知道|比较|说明|归纳)"
    ),
    "en": re.compile(
        r"^(?:it|its|they|their|them|this|that|these|those|he|she|his|her|such|however|therefore|thus|hence|moreover|"
        r"furthermore|also|but|and|or|so|then|for example|for instance|instead|otherwise|in addition"
        r"|in contrast|as a result|"
        r"consequently|similarly|likewise|meanwhile|finally|first|second|third|next|here|there|we|you|i|our"
        r"|your|both|"
        r"another|others?|the (?:former|latter|other|same|first|second|third|following|above|next|last|two)"
        r"|figure|fig|table|"
        r"see|note|one|some|conversely|nevertheless|although this|when this|if this|because this|because it"
        r"|after this|by contrast|explain|describe|list|discuss|state|draw|define|identify|label|calculate"
        r"|remember|think"
        r"|look|read|write|compare|summary|tip|example)\b",
        re.IGNORECASE,
    ),
}


_POINTS_ELSEWHERE = re.compile(
    r"如图|见图|下图|上图|图\s?\d|表\s?\d|下表|上表|本章|本节|本课|上一节|下一节|这一章|上文|下文|如下|前面"
    r"|后面|以下几|"
    r"\b(?:figures?|fig\.|tables?|chapter|section|slide|page) \d|\b(?:below|above|following)\b[:,.]"
    r"|as follows|https?://|www\.|[=<>|\\{}]|:$|：$",
    re.IGNORECASE,
)


_LATE_SUBJECT = re.compile(r"(?:\w+|(?:\w+ ){1,3}\w+,) (?:this|these|they|it|he|she)\b")
"""`In 1900, he …`: nobody is named before the pronoun."""


def stands_alone(text: str, language: str) -> bool:
    """Whether a sentence can be understood, and asked about, without its neighbours."""
    if text[-1] not in '。.！!）)”"；;' or _POINTS_ELSEWHERE.search(text) or "?" in text or "？" in text:
        return False
    if _OPENS_BADLY[language].search(text) or not _balanced(text):
        return False
    if language == CHINESE:
        return 10 <= len(text) <= 110
    return 6 <= len(text.split()) <= 40 and text[0].isupper() and not _LATE_SUBJECT.match(text)


def _balanced(text: str) -> bool:
    return (
        all(text.count(a) == text.count(b) for a, b in ("()", "（）", "“”", "《》", "[]", "「」"))
        and text.count('"') % 2 == 0
    )
