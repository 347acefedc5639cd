"""Whether an answer is of use to whoever asked."""

from __future__ import annotations

import json

from services.llm.values.chat import ChatRequest, Completion, FinishReason

_WHOLE = (FinishReason.STOP, FinishReason.UNKNOWN)


def is_valid(completion: Completion, prompt: ChatRequest) -> bool:
    """Return whether an answer is whole, says something, and is a JSON object where a schema was given."""
    if completion.reason not in _WHOLE or not completion.text.strip():
        return False
    if prompt.output is None:
        return True
    try:
        return isinstance(json.loads(completion.text), dict)
    except ValueError:
        return False
