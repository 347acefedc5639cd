"""Files that a provider keeps and reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from services.llm.values.chat import ChatRequest


class FileState(StrEnum):
    """How far a provider is with a file."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ShelvedFile:
    """A file that a provider has, under the id that it gave it."""

    id: str
    name: str
    state: FileState = FileState.READY


@dataclass(frozen=True, slots=True)
class FileQuestion:
    """What is asked about a file; `chat` has the options of the answer, and no messages."""

    name: str
    text: str
    size_bytes: int = 0
    """0 where it is not known before the bytes end."""
    chat: ChatRequest = field(default_factory=lambda: ChatRequest("", ()))
