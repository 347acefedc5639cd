"""Stand-ins for what the exercises domain needs from outside."""

from __future__ import annotations

from pathlib import Path

from services.kit.errors import FailedPrecondition
from services.language.folding import normalize

_MATERIAL = {
    language: normalize((Path(__file__).parent / "material" / f"{language}.txt").read_text(encoding="utf-8"))
    for language in ("zh", "en")
}


def material(language: str) -> str:
    """Study material of two pages in `zh` or `en`, in normal form."""
    return _MATERIAL[language]


def no_model() -> FailedPrecondition:
    """What the llm service says when no provider is configured."""
    return FailedPrecondition("No chat provider is configured.", reason="NO_CHAT_PROVIDER")
