"""How providers differ where they read files: one line each.

DashScope: https://www.alibabacloud.com/help/en/model-studio/openai-file-interface and .../long-context-qwen-long.
Kimi: https://platform.kimi.ai/docs/guide/use-kimi-api-for-file-based-qa.
OpenAI: https://platform.openai.com/docs/guides/pdf-files and .../api-reference/files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from services.llm.values.files import FileState


class Reference(Enum):
    """How a question names its file."""

    SYSTEM_ID = auto()
    """A second system message, `fileid://ID`; as the first one, the file would be taken for the instructions."""
    SYSTEM_TEXT = auto()
    """A second system message that holds what the provider made of the file."""
    USER_PART = auto()
    """A part of the question."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a provider wants of whoever lets it read a file."""

    purpose: str
    max_bytes: int
    reference: Reference
    ready: frozenset[str]
    """Words for the state of a file that can be asked about."""

    def state(self, word: object) -> FileState:
        """Return what a provider's word for the state of a file means; where it has none, the file can be read."""
        if word is None or word in self.ready:
            return FileState.READY
        return FileState.FAILED if word in _FAILED else FileState.PENDING


_MB: Final = 1_000_000
_FAILED: Final = frozenset({"error", "failed", "parse_failed", "parsing_failed", "expired", "deleted"})

DIALECTS: Final[Mapping[str, Dialect]] = {
    "dashscope": Dialect("file-extract", 150 * _MB, Reference.SYSTEM_ID, frozenset({"processed"})),
    "kimi": Dialect("file-extract", 100 * _MB, Reference.SYSTEM_TEXT, frozenset({"ok", "ready", "processed"})),
    "openai": Dialect("user_data", 50 * _MB, Reference.USER_PART, frozenset({"processed", "uploaded"})),
}
