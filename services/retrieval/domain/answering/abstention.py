"""How a model says that it has no answer: the marker it was told to write, or a sentence of its own."""

from __future__ import annotations

import re
from functools import cache

from services.language.detection import LANGUAGES
from services.retrieval.domain.prompts.answer import ABSTENTION_MARKER

_MARKER = re.compile(ABSTENTION_MARKER.replace("_", "[_ ]"))
_MOST_CODE_POINTS = 300
"""A longer text says more than that there is no answer."""


@cache
def _abstention() -> re.Pattern[str]:
    """Compile how a model begins, in any language, that says that there is no answer."""
    apologies = "|".join(language.answering.apology for language in LANGUAGES)
    abstentions = "|".join(language.answering.abstention for language in LANGUAGES)
    return re.compile(rf"^\W*(?:(?:{apologies})\W+)?(?:{abstentions})", re.IGNORECASE)


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
    return len(answer) <= _MOST_CODE_POINTS and _abstention().match(answer) is not None


def _overlap(text: str) -> int:
    """Return the length of the longest end of `text` that begins the marker."""
    folded = text[-len(ABSTENTION_MARKER) :].replace(" ", "_")
    return next((n for n in range(len(folded), 0, -1) if ABSTENTION_MARKER.startswith(folded[-n:])), 0)
