"""What a chat model is asked and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.common.values import TokenUsage


class Role(StrEnum):
    """Who speaks in a chat message; the value is OpenAI's own word."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    DEVELOPER = "developer"


class FinishReason(StrEnum):
    """Why a model stopped; the value is OpenAI's own word."""

    UNKNOWN = "unknown"
    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    TOOL_CALLS = "tool_calls"

    @classmethod
    def _missing_(cls, value: object) -> FinishReason:
        """Return UNKNOWN: a provider said no word, or one that nobody defined."""
        return cls.UNKNOWN


_PICTURE_TOKENS = 8192
"""No model that is known makes more of a picture."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a model wants to be run, or a piece of that: `index` is then the call's place in its message."""

    id: str = ""
    name: str = ""
    arguments: str = ""
    """As the model wrote them: JSON for a function, any text for a custom tool."""
    custom: bool = False
    index: int = 0
    extra: Mapping[str, Any] | None = None
    """Members beside these, as the provider sends them and wants them back."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn of a conversation."""

    role: Role
    content: str
    parts: Sequence[Mapping[str, Any]] = ()
    """What takes the place of `content` where it is more than text, in OpenAI's form."""
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str = ""
    name: str = ""
    refusal: str = ""
    reasoning: str | None = None
    """What the model thought; None where nothing is said of it, which is not the same to every provider as nothing."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Members beside these, as the provider takes them."""


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """JSON Schema that an answer has to match, under a name that the model sees."""

    name: str
    schema: Mapping[str, object]
    strict: bool = True
    """Whether the answer has to match; otherwise the schema only says what is wished for."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to a chat model; an option that is None or empty is the provider's default."""

    model: str
    messages: Sequence[ChatMessage]
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: Sequence[str] = ()
    seed: int | None = None
    output: OutputSchema | None = None
    json_object: bool = False
    """Whether the answer is a JSON object, of no schema."""
    n: int = 1
    """How many answers are wanted."""
    tools: Sequence[Mapping[str, Any]] = ()
    """Tools that the model may call, in OpenAI's form."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Parameters beside these, by OpenAI's names or the provider's own and in their form."""
    file_bytes: int = 0
    """Size of a file that the provider has and that the messages refer to."""

    def size_bytes(self) -> int:
        """Return the bytes of all that a model reads, and no fewer than the tokens that it makes of them.

        That holds for a picture of usual size. A file that the provider has may hold more text than it has bytes.
        """
        size = self.file_bytes + sum(
            len(message.content.encode()) + _size_of_rest(message) for message in self.messages
        )
        schema = () if self.output is None else (self.output.schema,)
        return size + sum(len(str(described)) for described in (*self.tools, *schema))


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """Whether an answer matches the schema that it was asked for."""

    broken_rules: Sequence[str] = ()
    """What it breaks, each with its place; empty where it matches."""
    repaired: bool = False
    """Whether the model was asked a second time."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How long a provider says that reading the new part of a prompt took."""

    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Completion:
    """One whole answer; usage is None when the provider did not report it."""

    text: str
    reason: FinishReason
    usage: TokenUsage | None
    reasoning: str = ""
    refusal: str = ""
    tool_calls: Sequence[ToolCall] = ()
    logprobs: Mapping[str, Any] | None = None
    """How likely its tokens were, in OpenAI's form."""
    extra: Mapping[str, Any] | None = None
    """Members of the message beside these, as the provider sent them."""
    others: Sequence[Completion] = ()
    """The answers after the first, where several were asked for; their usage is in that of the first."""
    check: SchemaCheck | None = None
    """For all answers together; None where there was no schema to be held to, or no whole answer to hold."""
    reading: Reading | None = field(default=None, compare=False)
    """None where the provider does not say it."""

    def deltas(self) -> list[TextDelta]:
        """Return the pieces of a stream that give this answer."""
        if self.text and self == Completion(self.text, self.reason, self.usage, check=self.check):
            return [TextDelta(self.text)]
        pieces = [
            ChatDelta(
                one.text,
                index=index,
                reasoning=one.reasoning,
                refusal=one.refusal,
                tool_calls=one.tool_calls,
                logprobs=one.logprobs,
                extra=one.extra,
            )
            for index, one in enumerate((self, *self.others))
        ]
        return [piece for piece in pieces if piece != ChatDelta("", index=piece.index)]

    def finish(self) -> ChatFinish:
        """Return the end of a stream that gives this answer."""
        reasons = tuple(other.reason for other in self.others)
        return ChatFinish(self.reason, self.usage, reasons, self.check, self.reading)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of an answer: text of the first one, and nothing else unless it is a `ChatDelta`."""

    text: str
    pieces: int = field(default=1, compare=False, kw_only=True)
    """How many pieces of the provider's it joins, which came together; each is about a token."""


@dataclass(frozen=True, slots=True)
class ChatDelta(TextDelta):
    """A piece of an answer that is not only text of the first one; never wholly empty."""

    index: int = 0
    """Which answer it belongs to."""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: Sequence[ToolCall] = ()
    """Pieces of tool calls; id and name stand in the first piece of each."""
    logprobs: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ChatFinish:
    """The end of a streamed answer; usage is None when the provider did not report it."""

    reason: FinishReason
    usage: TokenUsage | None
    more_reasons: Sequence[FinishReason] = ()
    """Why the model stopped in the answers after the first."""
    check: SchemaCheck | None = None
    """As in `Completion`."""
    reading: Reading | None = field(default=None, compare=False)
    """As in `Completion`."""


def _size_of_rest(message: ChatMessage) -> int:
    if not (message.parts or message.tool_calls or message.reasoning):
        return 0
    calls = sum(len((call.name + call.arguments).encode()) for call in message.tool_calls)
    return sum(map(_size_of_part, message.parts)) + calls + len((message.reasoning or "").encode())


def _size_of_part(part: Mapping[str, Any]) -> int:
    if part.get("type") == "image_url":
        return _PICTURE_TOKENS
    size = len(str(part).encode())
    return size if part.get("type") == "text" else max(size, _PICTURE_TOKENS)
