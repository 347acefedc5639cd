"""OpenAI's chat wire: what is sent and the parts of what comes back that Tiku reads.

Fields follow https://platform.openai.com/docs/api-reference/chat; unknown ones are skipped, not an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.common.values import TokenUsage
from services.llm.values.chat import ChatRequest


class WireUsage(msgspec.Struct):
    """Tokens of a call as providers state them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def value(self) -> TokenUsage:
        """Return the same as a value of the domain."""
        return TokenUsage(self.prompt_tokens, self.completion_tokens)


class WireText(msgspec.Struct):
    """A message or the delta of one; content is null while a model thinks, refuses or calls tools."""

    content: str | None = None


class WireChoice(msgspec.Struct):
    """One alternative answer; Tiku asks for one."""

    message: WireText | None = None
    delta: WireText | None = None
    finish_reason: str | None = None


class WireChat(msgspec.Struct):
    """A whole answer, or one event of a stream; `error` is how a stream that began well says that it failed."""

    choices: list[WireChoice] = []
    usage: WireUsage | None = None
    error: Any = None


decode_chat = msgspec.json.Decoder(WireChat).decode


def encode_chat(prompt: ChatRequest, *, stream: bool) -> dict[str, Any]:
    """Return the request body; the provider decides what the request does not set."""
    body: dict[str, Any] = {
        "model": prompt.model,
        "messages": [{"role": message.role.value, "content": message.content} for message in prompt.messages],
    }
    options: Mapping[str, Any] = {
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
        "max_tokens": prompt.max_tokens,
        "seed": prompt.seed,
        "stop": list(prompt.stop) or None,
    }
    body.update({name: value for name, value in options.items() if value is not None})
    if prompt.output is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": prompt.output.name, "strict": True, "schema": dict(prompt.output.schema)},
        }
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body


def error_status(error: object) -> int:
    """Return the HTTP status that an `error` object inside a stream names; 500 when it names none."""
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500
