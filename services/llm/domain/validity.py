"""Whether an answer is of use to whoever asked."""

from __future__ import annotations

import json

from services.llm.values.chat import ChatRequest, Completion, FinishReason

_WHOLE = (FinishReason.STOP, FinishReason.UNKNOWN, FinishReason.TOOL_CALLS)


def is_valid(completion: Completion, prompt: ChatRequest) -> bool:
    """Return whether an answer is whole, and of use.

    It calls tools or says something, and is JSON that matches the schema, or an object, where one was asked for.
    """
    if completion.reason not in _WHOLE or completion.refusal:
        return False
    if completion.check is not None:
        return not completion.check.broken_rules
    if completion.tool_calls:
        return True
    if prompt.output is None and not prompt.json_object:
        return bool(completion.text.strip())
    try:
        return isinstance(json.loads(completion.text), dict)
    except ValueError:
        return False
