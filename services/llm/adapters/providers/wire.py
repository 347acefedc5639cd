"""OpenAI's chat wire: what is sent and the parts of what comes back that Tiku reads.

Fields follow https://platform.openai.com/docs/api-reference/chat; unknown ones are skipped, not an error.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from services.common.values import TokenUsage
from services.llm.domain import faults
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, FinishReason, TextDelta


class WireText(msgspec.Struct):
    """A message or the delta of one; content is null while a model thinks, refuses or calls tools."""

    content: str | None = None


class WireChoice(msgspec.Struct):
    """One alternative answer; Tiku asks for one."""

    message: WireText | None = None
    delta: WireText | None = None
    finish_reason: str | None = None


class WirePromptDetails(msgspec.Struct):
    """What is known of a prompt's tokens."""

    cached_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """What a provider counted."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: WirePromptDetails | None = None


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
        body.update(stream=True, stream_options={"include_usage": True})
    return body


def completion_of(answer: Any, provider: str) -> Completion:
    """Return a whole answer, a `WireChat` or the SDK's own."""
    choices = getattr(answer, "choices", None)
    if not choices or choices[0].message is None:
        raise faults.bad_response(provider, "an answer without a message")
    return Completion(choices[0].message.content or "", FinishReason(choices[0].finish_reason), _usage(answer))


async def events_of(chats: AsyncGenerator[Any, None], provider: str) -> AsyncGenerator[TextDelta | ChatFinish, None]:
    """Yield the text of a stream's events, then one `ChatFinish`; `chats` is closed at the end."""
    reason: str | None = None
    usage: TokenUsage | None = None
    try:
        async with aclosing(chats):
            async for chat in chats:
                usage = _usage(chat) or usage
                for choice in (chat.choices or ())[:1]:
                    if choice.delta is not None and choice.delta.content:
                        yield TextDelta(choice.delta.content)
                    if choice.finish_reason is not None:
                        reason = choice.finish_reason or reason or ""
    except (AttributeError, TypeError) as error:  # The SDK makes an object of whatever comes.
        raise faults.bad_response(provider, error) from error
    if reason is None:
        raise faults.unavailable(provider, "the stream ended before the answer did")
    yield ChatFinish(FinishReason(reason), usage)


def _usage(chat: Any) -> TokenUsage | None:
    usage = chat.usage
    if usage is None:
        return None
    read, details = usage.prompt_tokens or 0, getattr(usage, "prompt_tokens_details", None)
    cached = (details and details.cached_tokens) or 0
    return TokenUsage(read, usage.completion_tokens or 0, min(read, cached))


def error_status(error: object) -> int:
    """Return the HTTP status that an `error` object inside a stream names; 500 when it names none."""
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500
