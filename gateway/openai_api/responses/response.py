"""A response and the items of its output, whole."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from gateway.openai_api.chat import usage as usage_of_chat
from services.kit.ids import new_id
from tiku.common.v1 import source_pb2
from tiku.llm.v1 import llm_pb2

_ECHOED: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "user": None,
}
"""Parameters that a response repeats, with what stands for those that were not given."""
_INCOMPLETE = {
    llm_pb2.FINISH_REASON_LENGTH: "max_output_tokens",
    llm_pb2.FINISH_REASON_CONTENT_FILTER: "content_filter",
}


class Envelope:
    """What a response says besides its output."""

    def __init__(self, parameters: Mapping[str, Any], model: str) -> None:
        self.model = model
        self._members = {
            "id": f"resp_{new_id()}",
            "object": "response",
            "created_at": int(time.time()),
            **{name: parameters.get(name, default) for name, default in _ECHOED.items()},
            "background": False,
            "previous_response_id": None,
            "store": False,
            "truncation": "disabled",
            "error": None,
        }

    def begun(self) -> dict[str, Any]:
        """Return the response before there is an output."""
        return self._whole("in_progress", [], usage=None)

    def ended(
        self, output: list[dict[str, Any]], reason: llm_pb2.FinishReason.ValueType, usage: source_pb2.TokenUsage
    ) -> dict[str, Any]:
        """Return the response with its output."""
        why = _INCOMPLETE.get(reason)
        details = {"incomplete_details": {"reason": why}} if why else {}
        return self._whole("incomplete" if why else "completed", output, usage=usage_of(usage)) | details

    def failed(self, output: list[dict[str, Any]], error: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response that went wrong behind a part of its output."""
        told = {"code": error["code"], "message": error["message"]}
        return self._whole("failed", output, usage=None) | {"error": told}

    def _whole(self, status: str, output: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        end = {"status": status, "incomplete_details": None, "model": self.model, "output": output, "usage": usage}
        return {**self._members, **end}


def usage_of(counted: source_pb2.TokenUsage) -> dict[str, Any]:
    """Return token counts by the names that they have here; details are zero where the provider does not tell them."""
    told = usage_of_chat(counted)
    return {
        "input_tokens": told["prompt_tokens"],
        "input_tokens_details": told.get("prompt_tokens_details", {"cached_tokens": 0}),
        "output_tokens": told["completion_tokens"],
        "output_tokens_details": told.get("completion_tokens_details", {"reasoning_tokens": 0}),
        "total_tokens": told["total_tokens"],
    }


def reasoning_item(thought: str, status: str = "completed") -> dict[str, Any]:
    """Return what the model thought."""
    summary = [summary_part(thought)] if thought else []
    return {"id": f"rs_{new_id()}", "type": "reasoning", "status": status, "summary": summary}


def summary_part(thought: str) -> dict[str, Any]:
    """Return the part of an item that holds what was thought."""
    return {"type": "summary_text", "text": thought}


def message_item(parts: list[dict[str, Any]], status: str = "completed") -> dict[str, Any]:
    """Return what the model said."""
    return {"id": f"msg_{new_id()}", "type": "message", "status": status, "role": "assistant", "content": parts}


def text_part(text: str, logprobs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a part of a message that is text."""
    return {"type": "output_text", "annotations": [], "logprobs": (logprobs or {}).get("content") or [], "text": text}


def refusal_part(refusal: str) -> dict[str, Any]:
    """Return a part of a message that says why there is no other."""
    return {"type": "refusal", "refusal": refusal}


def call_item(call_id: str, name: str, *, custom: bool, status: str = "completed") -> dict[str, Any]:
    """Return a call of a tool, without what it is called with."""
    kind, argument = ("custom_tool_call", "input") if custom else ("function_call", "arguments")
    told = {"id": f"fc_{new_id()}", "type": kind, "call_id": call_id, "name": name, argument: ""}
    return told if custom else {**told, "status": status}


def output_of(answer: llm_pb2.ChatMessage, logprobs: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the items of a whole answer: what was thought, said and called."""
    items = [reasoning_item(answer.reasoning)] if answer.reasoning else []
    parts = [text_part(answer.content, logprobs)] if answer.content else []
    parts += [refusal_part(answer.refusal)] if answer.refusal else []
    if parts or not answer.tool_calls:
        items.append(message_item(parts or [text_part("")]))
    for call in answer.tool_calls:
        argument = "input" if call.custom else "arguments"
        items.append(call_item(call.id, call.name, custom=call.custom) | {argument: call.arguments})
    return items
