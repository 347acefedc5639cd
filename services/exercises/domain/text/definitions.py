"""What a sentence defines."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.language.detection import CHINESE


@dataclass(frozen=True, slots=True)
class Definition:
    """`term` is what a sentence defines, `meaning` what it says of it."""

    term: str
    meaning: str


_DEFINITION_EN = re.compile(
    r"^(?:An?|The)?\s?(?P<term>[A-Za-z][\w’'/-]*(?: [\w’'/-]+){0,3}?)(?: ?\([^)]*\))?,? "
    r"(?P<verb>is defined as|are defined as|refers? to|means|is the name for|denotes?|is called|is|are) "
    r"(?P<meaning>(?:(?:an?|the|any|one)\b .{15,}|[a-z]+(?: [a-z]+){0,3} (?:that|which|whose|in which|of"
    r"|who)\b .{8,}))[.!]$"
)


_DEFINITION_ZH = re.compile(
    r"^(?:所谓)?[“「]?(?P<term>[^，。；：、！？的是“”「」（）()]{2,12})[”」]?(?:[（(][^）)]*[）)])?(?:，)?"
    r"(?P<verb>是指|指的是|指|被定义为|定义为|是一种|是一类|是一门|是一个|是)(?P<meaning>[^。！？]{8,})[。！；;]$"
)


_NO_MEANING = re.compile(r"由|因|为|在|从|通过|不|否")


def definition_of(text: str, language: str) -> Definition | None:
    """What a sentence defines, if it does: `X is a …`, `X refers to …`, `X是……的……`, `X是指……`."""
    match = (_DEFINITION_ZH if language == CHINESE else _DEFINITION_EN).match(text)
    if match is None:
        return None
    term, verb, meaning = match["term"].strip(), match["verb"], match["meaning"].strip()
    if language == CHINESE:
        if verb == "是" and (not re.search(r"的\w{2}", meaning) or _NO_MEANING.match(meaning) or "因为" in meaning):
            return None
        if re.search(r"不|就|也|都|还|往往|通常|正|只|这|那|什么$", term):
            return None
        meaning = {"是一种": "一种", "是一类": "一类", "是一门": "一门", "是一个": "一个"}.get(verb, "") + meaning
        return Definition(term, meaning)
    if re.match(r"(?:also|only|often|usually|very|so|capable|able|not|now|still|more|most|one|all|both)\b", meaning):
        return None
    if re.match(
        r"(?:most|main|best|first|only|same|next|result|reason|key|aim|goal|purpose|one)\b", term, re.IGNORECASE
    ):
        return None
    if verb in {"is", "are"} and re.match(
        r"the (?:most|best|first|main|only|same|reason|result|largest|smallest)\b", meaning
    ):
        return None
    return Definition(term, meaning)
