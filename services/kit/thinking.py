"""What a model thinks before it answers, set apart from its answer where both come as one text.

Providers that know their model put it into a field of its own. Others pass on what the model writes: `<think>` of
DeepSeek and Qwen and its kin, `[THINK]` of Mistral, `◁think▷` of Kimi, channels of gpt-oss. The chat template of some
models writes the opening mark, so that only the closing one comes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = r"(?i:(?:\w+:)?(?:\w{0,8}think(?:ing)?|thoughts?|reasoning|reflection|scratchpad))"
_OPENING = (
    rf"<{_NAME}>|\[THINK\]|◁think▷|<\|(?:begin_of_thought|START_THINKING|thinking)\|>"
    r"|<\|channel\|>\s*(?!final)\w[^<]{0,40}(?:<\|message\|>)?"
)
_CLOSING = (
    rf"</{_NAME}>|\[/THINK\]|◁/think▷|<\|(?:end_of_thought|END_THINKING|/thinking)\|>"
    r"|<\|channel\|>\s*final(?:<\|message\|>)?"
)
_MARK = re.compile(rf"(?<!`)(?:(?P<opens>{_OPENING})|(?P<closes>{_CLOSING})|(?P<token><\|\w{{1,24}}\|>))")
"""A mark between backticks is spoken of. Other tokens of a chat template are no text of an answer."""
_MAY_BECOME_MARK = re.compile(
    r"(?:`|`?(?:<(?:/?[\w:]{0,16}|\|(?:channel\|>[^<]{0,40}(?:<(?:\||\|[a-z]{0,7}\|?)?)?|/?\w{0,24}\|?)?)"
    r"|\[/?[A-Z]{0,5}|◁/?[a-z]{0,5}))\Z"
)
"""The end of a text that more text may make a mark of."""


_SIGN = re.compile("[<`◁\\[]")
"""What every mark begins with."""


class Written(NamedTuple):
    """What is certain to be of an answer. `anew`: all that came before was thought, and this begins the answer."""

    text: str
    anew: bool = False


class ThinkingFilter:
    """Leaves what a model thinks out of a text that comes in pieces."""

    def __init__(self) -> None:
        self._pending = ""
        self._thinking = False
        self.thought = False
        """Whether anything was left out as thinking."""

    def feed(self, text: str) -> Written:
        """Take the next piece; what may become a mark is held back."""
        if not self._pending and _SIGN.search(text) is None:
            return Written("" if self._thinking else text)
        text = self._pending + text
        held = _MAY_BECOME_MARK.search(text)
        end = held.start() if held else len(text)
        self._pending = text[end:]
        return self._read(text[:end])

    def close(self) -> Written:
        """Return what was held back: it is no mark."""
        text, self._pending = self._pending, ""
        return self._read(text)

    def _read(self, text: str) -> Written:
        kept, anew, done = "", False, 0
        for mark in _MARK.finditer(text):
            if not self._thinking:
                kept += text[done : mark.start()]
            done = mark.end()
            if mark["opens"]:
                self._thinking = self.thought = True
            elif mark["closes"]:
                # What no mark opened was opened by the model's template, or by a channel that said nothing.
                if not self._thinking and not mark["closes"].startswith("<|channel"):
                    kept, anew, self.thought = "", True, True
                self._thinking = False
        return Written(kept if self._thinking else kept + text[done:], anew)
