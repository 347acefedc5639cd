"""How a model fails that was reached: it answers, and what it writes is no answer.

Where it was not reached, or did not take the request, the error of the llm service has the reason and the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ModelFailure:
    """How a model failed: a stable reason, part of the contract, and what happened in a sentence. Falsy for not."""

    reason: str = ""
    message: str = ""

    def __bool__(self) -> bool:
        return bool(self.reason)


NONE: Final = ModelFailure()
REFUSED: Final = ModelFailure("MODEL_REFUSED", "The model declined, or a filter withheld what it wrote.")
CUT: Final = ModelFailure("MODEL_CUT", "The token limit cut what the model wrote.")
ONLY_THOUGHT: Final = ModelFailure("MODEL_ONLY_THOUGHT", "The model thought and then wrote no answer.")
WROTE_NOTHING: Final = ModelFailure("MODEL_WROTE_NOTHING", "The model wrote nothing.")
UNREADABLE: Final = ModelFailure("INVALID_JSON", "What the model wrote could not be read.")
WRITTEN: Final = {failure.reason: failure for failure in (REFUSED, CUT, ONLY_THOUGHT, WROTE_NOTHING, UNREADABLE)}
"""By their reasons."""


def failure_of(*, refused: bool, truncated: bool, thought: bool, written: bool) -> ModelFailure:
    """Return how a model failed whose answer is not there, or not whole; that it refused says more than the rest.

    `thought` is whether it thought, `written` whether it wrote anything beside that.
    """
    if refused:
        return REFUSED
    if truncated:
        return CUT
    if written:
        return UNREADABLE
    return ONLY_THOUGHT if thought else WROTE_NOTHING
