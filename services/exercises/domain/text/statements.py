"""Statements whose truth follows from how they were made, instead of from what a model says of them.

A true statement says what its source says: nearly its words in their order, all its numbers and every qualifier. A
false one is a true one with one thing exchanged for another (`Substitution`), which must be another thing indeed:
another number, the opposite, or a term that the material itself uses elsewhere. A model that is to make up something
false likes to write 水蒸气 for 水汽.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

from services.exercises.values.question import Substitution
from services.language.detection import CHINESE
from services.language.folding import fold
from services.language.words import FUNCTION_WORDS, units

LEAST_FAITH = 0.8
"""Share of a statement's words that its source has: the rest may be wording."""

_NEGATION = re.compile(
    r"(?<![差])不(?![断同仅但论管])|没有?|无(?!论)|非(?!常|洲)|未(?!来)|\b(?:not|no|never|cannot|without|neither|nor)\b|n[’']t\b",
    re.IGNORECASE,
)
_GLUE = frozenset("的是了在和与")
_QUALIFIERS = re.compile(
    r"\b(?:sometimes|often|usually|generally|typically|mainly|mostly|largely|partly|nearly|almost|about|around|roughly"
    r"|approximately|at least|at most|up to|more than|less than|over|under|only|some|many|most|few|half|may|might|can"
    r"|could|should|if|when|unless|until|because|instead|before|after)\b"
    r"|有时|有些|往往|通常|一般|常常|经常|大多|多数|少数|主要|部分|几乎|大约|约|左右|至少|至多|超过|不到|以上|以下|只|仅|可能|可以|也许|大部分|如果|若|之一|目前|最",
    re.IGNORECASE,
)
"""What must not be lost when a sentence is told again: `sometimes joins` is not `joins`."""
_ROUGHLY = re.compile(r"约|左右|上下|近|\b(?:about|around|roughly|nearly|almost|approximately)\b", re.IGNORECASE)
_BOUND = re.compile(
    r"(?:至少|超过|不到|多达|至多|最多|少于|多于|大于|小于|高于|低于|over|above|below|under|at least|up to|more than"
    r"|less than|between|from|to|and|到|至|[-–—~～])\s*$",
    re.IGNORECASE,
)
"""Before a number: another one may hold as well, since what is more than 700 is more than 500."""
_LEAST_DIFFERENCE = 0.2
"""By which share of itself an approximate number is moved."""
_OPEN = re.compile(
    r"可能|可以|也许|有些|有时|例如|比如|诸如|如[^果何图表此今下]|往往|通常|一般|大多|主要|尤其|包括|之一|等[，。；]|能[^量源力够]"
    r"|\b(?:may|might|can|could|some|sometimes|often|usually|such as|for example|including|includes?|or|one of|mainly"
    r"|mostly|especially|also|many|several|among)\b",
    re.IGNORECASE,
)
_ZH_OPPOSITES = """
    上/下 大/小 多/少 高/低 快/慢 内/外 前/后 左/右 长/短 冷/热 干/湿 轻/重 明/暗 光/暗 阴/阳 正/负 升/降 增/减
    进/出 入/出 吸/放 深/浅 固/液 液/气 固/气 东/西 南/北 早/晚 新/旧 强/弱 动/静 粗/细 咸/淡 开/闭 张/合 冬/夏
    春/秋 昼/夜 日/夜 天/地 海/陆 表/里 表/下 加/减 乘/除 买/卖 男/女 老/少 生/死 奇/偶 凹/凸 软/硬 厚/薄 宽/窄
    远/近 胜/败 得/失 增加/减少 增多/减少 增大/减小 扩大/缩小 升高/降低 提高/降低 上升/下降 促进/抑制 吸收/放出
    吸收/释放 打开/关闭 加快/减慢 加速/减缓 大于/小于 高于/低于 多于/少于 早于/晚于 最多/最少 最大/最小 海洋/陆地
    白天/夜晚 有利/不利 直接/间接 内部/外部 开始/结束 出现/消失 聚集/分散 湿润/干旱 疏松/紧实 茂盛/稀疏
"""
_EN_OPPOSITES = """
    increas/decreas rais/lower rise/fall rises/falls more/less more/fewer most/least fast/slow quick/slow high/low
    open/clos day/night hot/cold warm/cool large/small big/small long/short before/after absorb/releas gain/los
    inside/outside upper/lower thick/thin bright/dim light/dark wet/dry first/last early/late above/below
    strong/weak near/far shallow/deep heavy/light rich/poor direct/indirect begin/end start/stop enter/leav
    push/pull attract/repel positive/negative hard/soft wide/narrow always/never north/south east/west male/female
    win/lose odd/even steep/gradual slight/sharp rare/common abundant/rare transparent/opaque
"""
"""The beginnings of English words."""
_OPPOSITES = {frozenset(pair.split("/")) for pair in _ZH_OPPOSITES.split()}
"""Words that stand for opposites, alone or as what two words differ in: 地表 and 地下."""
_OPPOSITE_STEMS = [tuple(pair.split("/")) for pair in _EN_OPPOSITES.split()]


def is_open(sentence: str) -> bool:
    """Whether a sentence leaves room: what it does not say may be true as well, so that it cannot be made false."""
    return _OPEN.search(sentence) is not None


def negates(text: str) -> bool:
    """Whether a text denies."""
    return _NEGATION.search(text) is not None


def numbers(text: str) -> set[str]:
    """The numbers of a text as it writes them, in ASCII digits."""
    return set(re.findall(r"\d+(?:[.,]\d+)*", unicodedata.normalize("NFKC", text)))


def says_the_same(statement: str, source: str) -> bool:
    """Whether a statement adds nothing to its source and drops none of its qualifiers, as far as words tell."""
    return (
        _is_retold(_words(statement), _words(source))
        and numbers(statement) <= numbers(source)
        and negates(statement) is negates(source)
        and _qualifiers(source) <= _qualifiers(statement)
    )


def _words(text: str) -> list[str]:
    """The words of a text in order: English ones without their endings, ideographs one by one."""
    return [
        word[:5] if word.isascii() else word
        for word in re.findall(r"[a-z0-9]+|[\u3400-\u9fff]", unicodedata.normalize("NFKC", text).casefold())
        if word not in FUNCTION_WORDS and word not in _GLUE
    ]


def _is_retold(said: list[str], source: list[str]) -> bool:
    """Whether most words stand in the source too, and in the order of the source."""
    matcher = SequenceMatcher(None, source, said, autojunk=False)
    return bool(said) and sum(block.size for block in matcher.get_matching_blocks()) >= LEAST_FAITH * len(said)


def _qualifiers(text: str) -> set[str]:
    return {found.casefold() for found in _QUALIFIERS.findall(text)}


def is_verbatim(statement: str, source: str) -> bool:
    """Whether a statement is its source, letter for letter but for case, spaces and punctuation."""
    return fold(statement) == fold(source)


def exchanged(statement: str, old: str, new: str) -> str | None:
    """A statement with `new` where `old` stood; None when that is not one place."""
    if not fold(old) or not fold(new):
        return None
    places = list(re.finditer(_whole(old), statement, re.IGNORECASE))
    if len(places) != 1:
        return None
    start, end = places[0].span()
    before, after = statement[:start], statement[end:]
    article = re.search(r"\b(an?) $", before, re.IGNORECASE)
    if article and new[0].isascii():
        vowel = new[0].casefold() in "aeiou"
        letter = article[1][0]
        before = before[: article.start(1)] + letter + ("n" if vowel else "") + " "
    if not start and statement[0].isupper():
        new = new[0].upper() + new[1:]
    return before + new + after


def _whole(text: str) -> str:
    """A pattern for a text that is not part of a longer word or number."""
    before = r"(?<![A-Za-z0-9])(?<!\d[.,])" if text[0].isascii() else ""
    after = r"(?![A-Za-z0-9]|[.,]\d)" if text[-1].isascii() else ""
    return f"{before}{re.escape(text)}{after}"


def undone(statement: str, substitution: Substitution) -> str | None:
    """The true statement that a false one was made from; None when what was put in has no single place."""
    return exchanged(statement, substitution.new, substitution.old)


def contradicts(substitution: Substitution, statement: str, source: str, language: str, *, known: bool) -> bool:
    """Whether the substitution makes another thing of what the source says: another number, the opposite, or a term
    that is `known` to stand elsewhere in the material and is no wider, narrower or like name of the same; in each case
    something of which the source does not speak."""
    old, new = substitution.old, substitution.new
    if numbers(old) or numbers(new):
        return _is_other_number(old, new, statement)
    if is_open(source):
        return False
    if new in _denials(old):
        return not negates(source)
    plain_old, plain_new = fold(old), fold(new)
    if not plain_old or not plain_new or plain_new in plain_old or plain_old in plain_new:
        return False
    if plain_new in fold(source) or negates(new) is not negates(old):
        return False
    opposite = _are_opposites_han(plain_old, plain_new) if language == CHINESE else _are_opposites_latin(old, new)
    return opposite or (known and _is_other(old, new, language))


def may_be_the_same(one: str, other: str, language: str) -> bool:
    """Whether two terms look like names of the same, or one like a kind of the other: 固态 and 固体."""
    if numbers(one) or numbers(other):
        return fold(one) == fold(other)
    opposite = _are_opposites_han(fold(one), fold(other)) if language == CHINESE else _are_opposites_latin(one, other)
    return not opposite and not _is_other(one, other, language)


def _is_other(one: str, other: str, language: str) -> bool:
    return _is_other_han(fold(one), fold(other)) if language == CHINESE else _is_other_latin(one, other)


def mentions(text: str, term: str) -> bool:
    """Whether a text uses a term, not merely as a part of a longer word."""
    return re.search(_whole(term), text, re.IGNORECASE) is not None


def _denials(text: str) -> tuple[str, ...]:
    return f"不{text}", f"没有{text}", f"not {text}", f"never {text}"


def _is_other_number(old: str, new: str, statement: str) -> bool:
    one, other = sorted(numbers(old)), sorted(numbers(new))
    if len(one) != 1 or len(other) != 1 or not _same_but(old, one[0], new, other[0]):
        return False
    place = statement.find(new)
    before = statement[:place]
    if _BOUND.search(before):
        return False
    value, changed = (float(number.replace(",", "")) for number in (one[0], other[0]))
    rough = _ROUGHLY.search(statement[max(0, place - 12) : place + len(new) + 3]) is not None
    return value != changed and (not rough or abs(changed - value) >= _LEAST_DIFFERENCE * abs(value))


def _same_but(old: str, number: str, new: str, other: str) -> bool:
    """Whether two texts differ in their number alone: 25 °C may be 77 °F."""
    plain = [unicodedata.normalize("NFKC", text) for text in (old, new)]
    return fold(plain[0].replace(number, "", 1)) == fold(plain[1].replace(other, "", 1))


def _is_other_han(old: str, new: str) -> bool:
    """Terms that share their beginning, or more than their last word, may be names of the same: 水汽 and 水蒸气. Those
    that share their last word alone are two of a kind: 河流水 and 海洋水."""
    left, right, head, tail = _difference(old, new)
    return not head and not set(left) & set(right) and (not tail or min(len(left), len(right)) >= 2)


def _are_opposites_han(old: str, new: str) -> bool:
    """Words that differ in opposites alone: 地表径流 and 地下径流, 增加 and 减少."""
    left, right, _, _ = _difference(old, new)
    pair = frozenset((left, right))
    return pair in _OPPOSITES or frozenset((old, new)) in _OPPOSITES


def _difference(old: str, new: str) -> tuple[str, str, int, int]:
    """What two texts do not share at their ends, and how much they do share at the beginning and at the end."""
    head = _shared(old, new)
    tail = _shared(old[head:][::-1], new[head:][::-1])
    return old[head : len(old) - tail], new[head : len(new) - tail], head, tail


def _shared(one: str, other: str) -> int:
    """Characters that two texts have in common at their beginning."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _are_opposites_latin(old: str, new: str) -> bool:
    """Phrases that differ in one word and its opposite."""
    one, other = old.casefold().split(), new.casefold().split()
    different = [(a, b) for a, b in zip(one, other, strict=False) if a != b]
    if len(one) != len(other) or len(different) != 1:
        return False
    left, right = different[0]
    return any(
        (left.startswith(a) and right.startswith(b)) or (left.startswith(b) and right.startswith(a))
        for a, b in _OPPOSITE_STEMS
    )


def _is_other_latin(old: str, new: str) -> bool:
    """Terms of one word that begin alike are forms of one word; longer ones may share some but not all."""
    one, other = units(old), units(new)
    if not one or not other:
        return bool(fold(old)) and one != other
    return not (one <= other or other <= one)
