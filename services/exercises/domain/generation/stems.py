"""Stems: whether one is whole, what it is about, what it asks for, and whether it says its answer.

What a stem is about are its words without those that only ask, and without the topic of the whole document. A question
for a cause, a purpose or an effect wants a sentence that gives one; small models ask so about any sentence that names
the thing.
"""

from __future__ import annotations

import re

from services.common.values import Source
from services.exercises.domain.text.standalone import stands_alone
from services.exercises.values.question import GAP, Passage
from services.language.detection import CHINESE, ENGLISH
from services.language.folding import flatten, fold
from services.language.scripts import is_han
from services.language.words import units

ALIKE = 0.8
"""Jaccard similarity of folded character pairs from which two stems count as one."""
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
_CONTEXT = 120
"""Characters before a quote that opens with a pronoun, in which its subject is named."""
_ASKING_ZH = re.compile(
    r"原理|机制|过程|作用|意义|特点|特征|影响|内容|方式|方法|原因|结果|主要|重要性?|情况|关系|定义|含义|概念|什么|哪[些个种一项类里]?|多少"
    r"|几|如何|怎样|怎么样?|为什么|为何|请|简述|说明|解释|描述|列举|下列|关于|说法|正确|错误|多选|单选|句话|材料|我们|人们"
    r"|进行|可以|能够?|应该|不同|[的是有吗呢了在和与对中里上下这那它其之以由从把被使让及或也都]"
)
_ASKING_WORDS = """
    main major mainly purpose role important importance function happen describe description explain explanation meaning
    define definition term called name state statement sentence tell mean kind type feature characteristic effect
    effective cause reason result process principle principal use choose apply list give short brief briefly answer
    question follow correct correctly proper properly something thing way part idea topic subject does did
"""
_ASKING_EN = frozenset(units(_ASKING_WORDS))
_ASKS_FOR_DEFINITION = re.compile(
    r"什么是|是什么[？?。]?$|含义|定义|指的?是什么|什么叫|是指什么|\b(?:what (?:is|are)|define|meant by|definition)\b",
    re.IGNORECASE,
)
_DEFINES = re.compile(
    r"是指|指的是|叫做?|称为|：|是一[种个类门项]"
    r"|\b(?:is|are) (?:an?|the|any)\b|\b(?:called|means?|refers? to|known as)\b",
    re.IGNORECASE,
)
_ASKED_FOR: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (  # A cause
        re.compile(r"为什么|为何|原因|\bwhy\b|\breasons?\b|\b(?:what|which) causes?\b|\bcause of\b", re.IGNORECASE),
        re.compile(
            r"因|由于|所以|使|让|导致|引起|造成|为了|才|于是|从而|以免|否则|靠|决定|取决|推动"
            r"|\b(?:as|due|so|thus|hence|if|when|too|led|lets?|only|why)\b"
            r"|\b(?:because|since|therefore|owing|thanks|caus|reason|result|lead|mak|made|depend|otherwise|mean|without"
            r"|enough|need|prevent|keep|allow|driv)\w*",
            re.IGNORECASE,
        ),
    ),
    (  # A purpose
        re.compile(r"作用|功能|用途|\bfunctions?\b|\broles?\b|\bpurposes?\b|\bused for\b", re.IGNORECASE),
        re.compile(
            r"使|让|把|将|能|可以|用[来于作]|为|帮助|提供|供|调|保|促|输|吸收|带|起|产生|影响|净|蓄|减|增|防|控制|维持|支撑|合成|分解"
            r"|\b(?:to|for|so|lets?|acts?|role|use[ds]?|using)\b"
            r"|\b(?:help|allow|enabl|serv|function|work|mak|made|produc|carr|transport|mov|absorb|catch|captur|collect|stor"
            r"|control|regulat|protect|releas|split|reflect|fix|join|provid|keep|hold|giv|turn|convert|driv|power|reduc"
            r"|rais|pass|pump|bring|suppl|support|prevent|clos|open|build|break)\w*",
            re.IGNORECASE,
        ),
    ),
    (  # An effect
        re.compile(r"影响|意义|后果|\beffects?\b|\bimpacts?\b|\bconsequences?\b|\bsignificance\b", re.IGNORECASE),
        re.compile(
            r"使|让|导致|引起|造成|因此|因为|所以|从而|影响|会|越|改变|增|减|下降|上升|升高|降低|缩|扩|促|保证|维持|带|塑造|形成|能|变"
            r"|\b(?:so|thus|led|if|when|more|less|lets?|\w+er the)\b"
            r"|\b(?:therefore|because|caus|mak|made|lead|result|affect|chang|increas|decreas|rais|lower|reduc|slow|rise|fall"
            r"|grow|mean|without|keep|allow|releas|becom|stop|turn|form|produc|warm|cool|help|prevent|enabl)\w*",
            re.IGNORECASE,
        ),
    ),
)
"""How a stem asks for something, and the words without which a sentence does not give it."""


def is_fragment(stem: str, language: str) -> bool:
    """Return whether a stem is less than a whole question, task or gapped sentence."""
    if _SHORT_QUESTION[language].search(stem):
        return False
    if _length(stem, language) < _SHORTEST_QUESTION[language]:
        return True
    return not (GAP in stem or asks(stem, language) or _TASK[language].search(stem))


def is_short_statement(stem: str, language: str) -> bool:
    """Return whether a statement is too short to say something."""
    return _length(stem, language) < _SHORTEST_STATEMENT[language]


def asks(stem: str, language: str) -> bool:
    """Return whether a stem is a question."""
    return _QUESTION[language].search(stem) is not None


def _length(stem: str, language: str) -> int:
    """Words of an English stem, letters of a Chinese one."""
    return len(fold(stem)) if language == CHINESE else len(re.findall(r"\w+", stem.replace(GAP, " ")))


def says(text: str, answer: str) -> bool:
    """Return whether a text holds an answer. Words of Latin script must match whole; a single digit is no clue."""
    plain = fold(answer)
    if len(plain) < 2:
        return False
    if plain.isascii():
        words = r"\W*".join(map(re.escape, re.findall(r"\w+", answer.casefold())))
        return re.search(rf"(?<![0-9a-z]){words}(?![0-9a-z])", text.casefold()) is not None
    return plain in fold(text)


def is_answered(stem: str, quote: str) -> bool:
    """Return whether a sentence can give what a stem asks for: why, what for, with what effect; other stems pass."""
    return all(given.search(quote) for asked, given in _ASKED_FOR if asked.search(stem))


def is_vague(stem: str, source: Source, passage: Passage, language: str) -> bool:
    """Return whether nothing that a stem names, but for the document's topic, is in the sentence that answers it.

    What a sentence defines may be asked for by its name alone.
    """
    said = flatten(source.quote)
    if not stands_alone(said, language):
        start = source.start - passage.start
        said = flatten(passage.text[max(0, start - _CONTEXT) : start]) + said
    topic = _content(passage.heading_path[0], language) if passage.heading_path else set()
    named = _content(stem, language)
    if any(_stands_in(unit, said) for unit in named - topic):
        return False
    defines = _ASKS_FOR_DEFINITION.search(stem) and _DEFINES.search(said)
    return not (defines and any(_stands_in(unit, said[: len(said) // 2]) for unit in named))


def _content(text: str, language: str) -> set[str]:
    """Return what a text names, in units: without the words that ask."""
    if language == CHINESE:
        return units(_ASKING_ZH.sub(" ", text))
    return {unit for unit in units(text) if unit not in _ASKING_EN}


def _stands_in(unit: str, text: str) -> bool:
    return unit in (fold(text) if is_han(unit[0]) else units(text))
