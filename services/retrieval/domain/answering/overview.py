"""Questions about the material as a whole, such as "What is this document about?".

No passage lies near them and none holds their words. So they are answered from an even spread of the documents, and
the relevance gate, which would refuse them, is not asked.
"""

from __future__ import annotations

import re

from services.language.terms import terms

_ENGLISH = terms(
    "document text material chapter file paper book lecture slide presentation section page course notes content "
    "summarize summary overview outline main key central point idea topic theme subject aim purpose cover discuss "
    "describe present deal say give get make list write short brief sentence word whole entire everything"
)
_CHINESE = re.compile(
    "文档|文件|文章|资料|材料|课文|课件|讲义|课程|本章|本节|本文|全文|章节|章|节|幻灯片|演示文稿|总结|小结|概括|概述|归纳|梳理|简述|简介|介绍"
    "|主要|核心|重点|要点|大意|主旨|主题|中心|思想|内容|讲述|讲|说|写|关于|整体|整|本|份|篇|请|帮|我|下|用|句话|话"
)


def is_overview(question: str) -> bool:
    """Say whether a question is about the material as a whole and names nothing in it."""
    without = _CHINESE.sub(" ", question)
    spoken = terms(without)
    speaks_of_material = without != question or bool(spoken & _ENGLISH)
    return speaks_of_material and not spoken - _ENGLISH
