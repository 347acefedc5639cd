"""OpenAI's chat wire: what is sent, and the parts of what comes back that Tiku reads.

Fields follow https://platform.openai.com/docs/api-reference/chat; unknown ones are skipped, not an error. What
providers fill in otherwise has no type here, and is read with care in `services.llm.adapters.providers.answers`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from services.llm.values.chat import ChatMessage, ChatRequest, OutputSchema, Role, ToolCall


class WireMessage(msgspec.Struct, gc=False):
    """A message or the delta of one; content is null while a model thinks, refuses or calls tools."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_text: Any = None
    thinking: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None
    annotations: Any = None
    audio: Any = None
    reasoning_details: Any = None
    images: Any = None


class WireChoice(msgspec.Struct, gc=False):
    """One of the answers."""

    index: Any = 0
    message: WireMessage | None = None
    delta: WireMessage | None = None
    text: Any = None
    finish_reason: Any = None
    finish_in_camels: Any = msgspec.field(default=None, name="finishReason")
    logprobs: Any = None
    usage: Any = None
    error: Any = None


class WireChat(msgspec.Struct, gc=False):
    """A whole answer, or one event of a stream.

    `error`, and `message` and its like where there are no choices, are how an answer that began well says that it
    failed. Tokens are counted in `usage`, or else where some provider does it.
    """

    choices: list[WireChoice] | None = None
    usage: Any = None
    error: Any = None
    x_groq: Any = None
    timings: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    object: Any = None
    message: Any = None
    detail: Any = None
    code: Any = None
    base_resp: Any = None


_decode = msgspec.json.Decoder(WireChat).decode
_HALF_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""The escape of half a surrogate pair: a character that a provider cut in two."""


def decode_chat(data: bytes) -> WireChat:
    """Return what a provider sent; what JSON has no word for, such as NaN or half a character, is let pass.

    Raises:
        ValueError: it is no JSON, or something other than a chat.
    """
    try:
        return _decode(data)
    except msgspec.DecodeError:
        loose = json.loads(_HALF_CHARACTER.sub(r"\\ufffd", data.decode()))
        return msgspec.convert(loose, WireChat, strict=False)


_read = json.JSONDecoder().raw_decode
_BETWEEN = re.compile(r"(?:\s|data:|\[DONE\])*", re.IGNORECASE)


def decode_chats(data: bytes) -> list[WireChat]:
    """Return what a provider sent together: some leave out what parts events, or send a list of them.

    Raises:
        ValueError: it is no JSON, or something other than chats.
    """
    try:
        return [decode_chat(data)]
    except ValueError:
        text = _HALF_CHARACTER.sub(r"\\ufffd", data.decode())
        found: list[Any] = []
        place = len(_leading(text, 0))
        while place < len(text):
            value, place = _read(text, place)
            found.extend(value if isinstance(value, list) else [value])
            place += len(_leading(text, place))
        if not found:
            raise
        return [msgspec.convert(value, WireChat, strict=False) for value in found]


def _leading(text: str, place: int) -> str:
    """Return what parts two values of JSON."""
    between = _BETWEEN.match(text, place)
    return between[0] if between else ""


_OWN = {"model", "messages", "n", "max_tokens", "max_completion_tokens", "stream", "stream_options"}
"""Parameters that what a call may cost depends on, or how its answer is read: no further parameter sets them."""


def encode_chat(prompt: ChatRequest, *, stream: bool) -> dict[str, Any]:
    """Return the request body; the provider decides what the request does not set."""
    body: dict[str, Any] = {"model": prompt.model, "messages": [_message(message) for message in prompt.messages]}
    options: Mapping[str, Any] = {
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
        "max_tokens": prompt.max_tokens,
        "seed": prompt.seed,
        "stop": list(prompt.stop) or None,
        "n": prompt.n if prompt.n > 1 else None,
        "tools": list(prompt.tools) or None,
        "response_format": {"type": "json_object"} if prompt.json_object else None,
    }
    body.update({name: value for name, value in options.items() if value is not None})
    if prompt.output is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": _schema(prompt.output)}
    body = {**{name: value for name, value in prompt.more.items() if name not in _OWN}, **body}
    if stream:
        body.update(stream=True, stream_options={"include_usage": True})
    return body


def _schema(output: OutputSchema) -> dict[str, Any]:
    described = {"description": output.description} if output.description else {}
    return {"name": output.name, **described, "strict": output.strict, "schema": dict(output.schema)}


def _message(message: ChatMessage) -> dict[str, Any]:
    content: Any = list(message.parts) or message.content
    if not content and message.role is Role.ASSISTANT and (message.tool_calls or message.refusal):
        content = None
    encoded: dict[str, Any] = {"role": message.role.value, "content": content}
    if message.tool_calls:
        encoded["tool_calls"] = [tool_call(call) for call in message.tool_calls]
    texts = {
        "tool_call_id": message.tool_call_id,
        "name": message.name,
        "refusal": message.refusal,
    }
    if message.reasoning is not None:
        encoded["reasoning_content"] = message.reasoning
    return {**message.extra, **encoded, **{name: text for name, text in texts.items() if text}}


def tool_call(call: ToolCall) -> dict[str, Any]:
    """Return a tool call in OpenAI's form."""
    kind, argument = ("custom", "input") if call.custom else ("function", "arguments")
    return {"id": call.id, "type": kind, kind: {"name": call.name, argument: call.arguments}, **(call.extra or {})}
