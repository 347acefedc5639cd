"""How a model says that it has no answer: the marker it was told to write, or a sentence of its own."""

from __future__ import annotations

import re

from services.retrieval.domain.prompts.answer import ABSTENTION_MARKER

_MARKER = re.compile(ABSTENTION_MARKER.replace("_", "[_ ]"))
_MOST_CODE_POINTS = 300
"""A longer text says more than that there is no answer."""
_ABSTENTION = re.compile(
    r"^\W*(?:(?:sorry|unfortunately)\W+)?(?:"
    r"(?:the|these|this|none of the|no)\s+(?:given\s+|provided\s+)?(?:passages?|materials?|texts?|sources?|contexts?)\b"
    r".{0,40}(?:\bnot\b|\bno\b|n't).{0,20}\b(?:contain|mention|provide|specif|state|say|include|answer|information|discuss)"
    r"|(?:I|we)\s+(?:can\s?not|can't|could not|do not|don't)\b.{0,30}\b(?:answer|find|know|determine)"
    r"|(?:抱歉|对不起)?\W*(?:根据)?(?:提供的|所给的?|给定的?|以上|上述)?(?:资料|材料|段落|文中|文章|文本|内容)(?:段落)?(?:中|里)?.{0,6}"
    r"(?:没有|未|并未|不包含|无)(?:.{0,8})(?:提到|提及|提供|说明|包含|答案|信息|涉及)"
    r"|(?:我)?无法(?:回答|确定|找到)"
    r")",
    re.IGNORECASE,
)


class AbstentionFilter:
    """Holds back the end of a stream while it may become the marker, and drops all that follows the marker."""

    def __init__(self) -> None:
        self._pending = ""
        self.abstained = False
        """Whether the marker was seen."""

    def feed(self, text: str) -> str:
        """Return the text that is certain not to belong to the marker; nothing once the marker was seen."""
        if self.abstained:
            return ""
        text = self._pending + text
        found = _MARKER.search(text)
        if found:
            self.abstained = True
            self._pending = ""
            return text[: found.start()]
        keep = _overlap(text)
        self._pending = text[len(text) - keep :]
        return text[: len(text) - keep]

    def close(self) -> str:
        """Return what was held back: the stream ended before it became the marker."""
        pending, self._pending = self._pending, ""
        return pending


def is_abstention(answer: str) -> bool:
    """Say whether an answer of one or two sentences says, in the model's own words, that there is none."""
    return len(answer) <= _MOST_CODE_POINTS and _ABSTENTION.match(answer) is not None


def _overlap(text: str) -> int:
    """Return the length of the longest end of `text` that begins the marker."""
    folded = text[-len(ABSTENTION_MARKER) :].replace(" ", "_")
    return next((n for n in range(len(folded), 0, -1) if ABSTENTION_MARKER.startswith(folded[-n:])), 0)
