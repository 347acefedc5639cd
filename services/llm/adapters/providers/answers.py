"""What providers answer, read with care: each of them departs from OpenAI's words somewhere.

Both adapters read with this module, so that they differ in nothing but how they send (ADR 0060).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from services.common.values import TokenUsage
from services.llm.adapters.providers.wire import WireChat, WireChoice, WireMessage
from services.llm.values.chat import ChatDelta, ChatFinish, Completion, FinishReason, Reading, TextDelta, ToolCall

_REASONS = {
    FinishReason.STOP: ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "stopped", "complete", "completed"),
    FinishReason.LENGTH: ("length", "max_tokens", "max_output_tokens", "model_length", "max_length", "truncated"),
    FinishReason.CONTENT_FILTER: ("content_filter", "safety", "recitation", "sensitive", "refusal", "blocklist"),
    FinishReason.TOOL_CALLS: ("tool_calls", "tool_call", "function_call", "tool_use"),
}
_REASON_OF = {word: reason for reason, words in _REASONS.items() for word in words}
_FAILURES = {
    "error",
    "network_error",
    "insufficient_system_resource",
    "abort",
    "aborted",
    "cancelled",
    "malformed_function_call",
}
"""Words for the end of an answer that is none."""
_STATUS_OF = {
    "invalid_request_error": 400,
    "badrequesterror": 400,
    "bad_request": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "insufficient_balance": 402,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "overloaded_error": 503,
}
"""HTTP's status for codes and types that stand in an error where there is no status."""
_STATUS_IN_WORDS = (
    (re.compile(r"not found|does not exist", re.IGNORECASE), 404),
    (re.compile(r"insufficient (balance|quota|credit)|余额不足", re.IGNORECASE), 402),
    (re.compile(r"rate limit|too many requests", re.IGNORECASE), 429),
    (re.compile(r"context (length|size|window)", re.IGNORECASE), 400),
)
_MOST = 2**53
_BESIDE = ("annotations", "audio", "reasoning_details", "images")
_OPEN, _CLOSE = "<think>", "</think>"


class UnreadableAnswerError(ValueError):
    """An answer is not of the protocol."""


class FailedAnswerError(Exception):
    """A provider said that a call failed: by HTTP's status, or by an error within what began as an answer."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.body = body
        self.headers = headers


def plain_text_of(chat: WireChat) -> str:
    """Return the text that an event adds to the first answer; nothing where it says anything else."""
    choices = chat.choices
    if choices is None or len(choices) != 1 or chat.usage or chat.error or chat.x_groq or chat.timings:
        return ""
    choice = choices[0]
    delta, content = choice.delta, choice.delta and choice.delta.content
    if delta is None or type(content) is not str or choice.index or chat.eval_count:
        return ""
    more = choice.finish_reason or choice.logprobs or choice.usage or choice.error or choice.finish_in_camels
    more = more or delta.reasoning or delta.refusal or delta.tool_calls or delta.function_call or delta.annotations
    more = more or delta.audio or delta.reasoning_details or delta.images or delta.reasoning_content
    return "" if more or delta.reasoning_text or delta.thinking else content


class AnswerReader:
    """Makes deltas of the events of a stream; `n` answers were asked for."""

    def __init__(self, n: int = 1) -> None:
        self._choices = [_Choice(index) for index in range(n)]
        self._usage: TokenUsage | None = None
        self._reading: Reading | None = None
        self._ended = False

    @property
    def is_said(self) -> bool:
        """Whether all text of the first answer that is to come is said, and none of it thought."""
        return self._choices[0].thought.is_over

    def text(self, chat: WireChat) -> str:
        """Return the text that an event adds, where that is all it does; nothing where `feed` has to read it."""
        return plain_text_of(chat) if self.is_said else ""

    def feed(self, chat: WireChat) -> Iterator[TextDelta]:
        """Yield what an event adds.

        Raises:
            FailedAnswerError: it says that the call failed.
            UnreadableAnswerError: it is not of the protocol.
        """
        raise_error_in(chat)
        choices = chat.choices or ()
        if (usage := usage_of(chat)) is not None:
            self._usage = usage
            self._ended = self._ended or not choices
        self._reading = reading_of(chat) or self._reading
        for choice in choices:
            index = _number(choice.index) or 0
            if index < len(self._choices):
                yield from self._choices[index].feed(choice)

    def done(self) -> None:
        """Note that the provider said it was done."""
        self._ended = True

    def close(self) -> Iterator[TextDelta]:
        """Yield what was kept back until the end."""
        for choice in self._choices:
            yield from choice.close()

    @property
    def is_ended(self) -> bool:
        """Whether the provider said how each answer ended: what is lost behind it changes none of them."""
        return all(choice.reason for choice in self._choices)

    def finish(self) -> ChatFinish | None:
        """Return the end of the answer; None where the stream ended before it."""
        if self._choices[0].reason is None and not self._ended and not self._choices[0].calls.are_whole:
            return None
        first, *others = (choice.reason or choice.reason_unsaid for choice in self._choices)
        return ChatFinish(first, self._usage, tuple(others), reading=self._reading)


@dataclass(slots=True)
class _Choice:
    """One answer as far as it came."""

    index: int
    thought: Thought = field(default_factory=lambda: Thought())
    calls: ToolCallJoiner = field(default_factory=lambda: ToolCallJoiner())
    _reason: FinishReason | None = None
    _said: bool = False

    @property
    def reason(self) -> FinishReason | None:
        """Why the model stopped; a word that nobody defined, behind tool calls, stands for these."""
        return self.reason_unsaid if self._reason is FinishReason.UNKNOWN else self._reason

    @property
    def reason_unsaid(self) -> FinishReason:
        """Why the model stopped where its provider does not say it."""
        return FinishReason.TOOL_CALLS if self.calls.any else FinishReason.UNKNOWN

    def feed(self, choice: WireChoice) -> Iterator[TextDelta]:
        delta = choice.delta or (None if self._said else choice.message)
        if delta is None and choice.text:
            delta = WireMessage(content=choice.text)
        if delta is not None and (piece := self._piece(delta, choice.logprobs)) is not None:
            self._said = True
            yield piece
        self._reason = reason_of(choice.finish_reason or choice.finish_in_camels) or self._reason

    def _piece(self, delta: WireMessage, logprobs: Any) -> TextDelta | None:
        text, reasoning, refusal = contents_of(delta)
        if text:
            thought, text = self.thought.feed(text)
            reasoning += thought
        calls = self.calls.feed(calls_in(delta)) if delta.tool_calls or delta.function_call else ()
        return self._delta(text, reasoning, refusal, calls, logprobs_of(logprobs), beside(delta))

    def _delta(
        self,
        text: str,
        reasoning: str = "",
        refusal: str = "",
        calls: tuple[ToolCall, ...] = (),
        logprobs: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> TextDelta | None:
        """Return a piece of this answer; the simplest that says it, None for nothing."""
        if self.index or reasoning or refusal or calls or logprobs or extra:
            if text or reasoning or refusal or calls or logprobs or extra:
                return ChatDelta(text, self.index, reasoning, refusal, calls, logprobs, extra)
            return None
        return TextDelta(text) if text else None

    def close(self) -> Iterator[TextDelta]:
        reasoning, text = self.thought.close()
        if (piece := self._delta(text, reasoning, calls=self.calls.close())) is not None:
            yield piece


class Thought:
    """Tells what a model thinks, between `<think>` and `</think>` at the beginning of its text, from what it says."""

    def __init__(self) -> None:
        self._kept = ""
        self._state = "begin"

    @property
    def is_over(self) -> bool:
        """Whether all text to come is said."""
        return self._state == "said"

    def feed(self, text: str) -> tuple[str, str]:
        """Return what of the text, and of what was kept back, was thought, and what is said."""
        if self._state == "said":
            return "", text
        text, self._kept = self._kept + text, ""
        if self._state == "begin":
            begun = text.lstrip()
            if _OPEN.startswith(begun):  # Also where there is nothing yet.
                self._kept = text
                return "", ""
            if not begun.startswith(_OPEN):
                self._state = "said"
                return "", text
            self._state, text = "thinking", begun.removeprefix(_OPEN)
        if self._state == "thinking":
            thought, closed, text = text.partition(_CLOSE)
            if not closed:
                kept = next((size for size in range(len(_CLOSE) - 1, 0, -1) if thought.endswith(_CLOSE[:size])), 0)
                self._kept = thought[len(thought) - kept :]
                return thought[: len(thought) - kept], ""
            self._state = "thought"
            reasoning = thought
        else:
            reasoning = ""
        text = text.lstrip()
        if text:
            self._state = "said"
        return reasoning, text

    def close(self) -> tuple[str, str]:
        """Return what was kept back."""
        kept, self._kept = self._kept, ""
        return (kept, "") if self._state == "thinking" else ("", kept)


@dataclass(slots=True)
class _Call:
    """A tool call as far as it came."""

    index: int
    name: str = ""
    arguments: str = ""
    custom: bool = False

    @property
    def whole(self) -> bool:
        try:
            json.loads(self.arguments)
        except ValueError:
            return False
        return True

    def rest_of(self, said: str) -> str:
        """Return what a piece adds to the arguments, which some providers say whole once more at the end."""
        if not self.arguments:
            # An empty object stands where the arguments are still to come; where none do, it is said at the end.
            return "" if said == "{}" else _arguments(said)
        if self.arguments.startswith("{") and _arguments(said) == self.arguments and self.whole:
            return ""
        return said


@dataclass(frozen=True, slots=True)
class _Fragment:
    """A piece of a tool call as a provider sent it."""

    index: int | None
    id: str
    name: str
    arguments: str
    custom: bool
    extra: Mapping[str, Any] | None

    @classmethod
    def of(cls, given: Any) -> _Fragment:
        if not isinstance(given, dict):
            raise UnreadableAnswerError("a tool call that is no object")
        custom = given.get("type") == "custom" or isinstance(given.get("custom"), dict)
        called = given.get("custom" if custom else "function")
        known: tuple[str, ...] = ("index", "id", "type", "function", "custom")
        if not isinstance(called, dict):
            # Some say name and arguments beside the id.
            called, known = given, (*known, "name", "arguments", "parameters")
        arguments = called.get("input" if custom else "arguments")
        if arguments is None:
            arguments = called.get("parameters") or ""
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        extra = {key: given[key] for key in given if key not in known}
        extra = {key: value for key, value in extra.items() if value is not None}
        return cls(
            _number(given.get("index")),
            str(given.get("id") or ""),
            str(called.get("name") or ""),
            arguments,
            custom,
            extra or None,
        )


def _arguments(said: str) -> str:
    """Return the arguments that a provider gives from their beginning: some write them as JSON within a text."""
    if not said.startswith('"'):
        return said
    try:
        within = json.loads(said)
        return within if isinstance(json.loads(within), dict) else said
    except (TypeError, ValueError):
        return said


class ToolCallJoiner:
    """Finds out to which call each fragment belongs, also where a provider gives no index, or the same to all.

    What it returns has an index for each call, in the order in which they began, and id and name once.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_id: dict[str, _Call] = {}
        self._by_index: dict[int, _Call] = {}

    @property
    def any(self) -> bool:
        """Whether there is a call."""
        return bool(self._calls)

    @property
    def are_whole(self) -> bool:
        """Whether there are calls, and nothing is missing of any."""
        return self.any and all(call.whole and call.name for call in self._calls)

    def feed(self, fragments: Iterable[Any]) -> tuple[ToolCall, ...]:
        """Return what fragments add to which call."""
        return tuple(self._taken(_Fragment.of(fragment)) for fragment in fragments)

    def close(self) -> tuple[ToolCall, ...]:
        """Return what is missing at the end: the arguments of a function that is called without any."""
        bare = [call for call in self._calls if not call.arguments and not call.custom]
        for call in bare:
            call.arguments = "{}"
        return tuple(ToolCall(arguments="{}", index=call.index) for call in bare)

    def _taken(self, piece: _Fragment) -> ToolCall:
        call = self._continued(piece)
        if call is None:
            call = _Call(len(self._calls), piece.name, custom=piece.custom)
            self._calls.append(call)
            told, name = piece.id or new_call_id(), piece.name
        else:
            told, name = "", self._rest_of_name(call, piece.name)
        if piece.id:
            self._by_id[piece.id] = call
        if piece.index is not None:
            self._by_index[piece.index] = call
        added = piece.arguments if call.custom else call.rest_of(piece.arguments)
        call.arguments += added
        return ToolCall(told, name, added, call.custom, call.index, piece.extra)

    def _continued(self, piece: _Fragment) -> _Call | None:
        """Return the call that a fragment goes on with; None where it begins one."""
        if piece.id and piece.id in self._by_id:
            return self._by_id[piece.id]
        last = self._calls[-1] if self._calls else None
        at_index = None if piece.index is None else self._by_index.get(piece.index)
        if piece.id and at_index is not None and not (piece.name and at_index.name):
            # Some give each fragment an id of its own; what is whole is not gone on with.
            return None if at_index in self._by_id.values() and (at_index.whole or not at_index.name) else at_index
        if piece.id:
            return None
        call = at_index
        if call is None and (piece.index is None or not piece.name):
            call = last
        if call is None or not piece.name or not call.name:
            return call
        return None if call.whole or (piece.index is None and piece.name != call.name) else call

    def _rest_of_name(self, call: _Call, name: str) -> str:
        """Return what a fragment adds to a call's name; some repeat it in each."""
        if not name or name == call.name or call.arguments:
            return ""
        call.name += name
        return name


def completion_of(chat: WireChat, n: int = 1) -> Completion:
    """Return a whole answer.

    Raises:
        FailedAnswerError: it says that the call failed.
        UnreadableAnswerError: it is not of the protocol.
    """
    raise_error_in(chat)
    choices = (chat.choices or ())[:n]
    others = tuple(other for choice in choices[1:] if (other := _whole(choice)) is not None)
    first = _whole(choices[0], usage_of(chat), others, reading_of(chat)) if choices else None
    if first is None:
        raise UnreadableAnswerError("an answer without a message")
    return first


def _whole(
    choice: WireChoice,
    usage: TokenUsage | None = None,
    others: tuple[Completion, ...] = (),
    reading: Reading | None = None,
) -> Completion | None:
    """Return one of the answers, the first with what all have in common; None where there is no message."""
    message = choice.message or choice.delta or (WireMessage(content=choice.text) if choice.text else None)
    if message is None:
        return None
    text, reasoning, refusal = contents_of(message)
    if _CLOSE in text and _OPEN not in text:
        text = _OPEN + text  # Where the provider's template wrote the beginning.
    thought = Thought()
    pieces = (thought.feed(text), thought.close())
    calls = []
    for index, given in enumerate(calls_in(message)):
        piece = _Fragment.of(given)
        arguments = piece.arguments if piece.custom else _arguments(piece.arguments) or "{}"
        calls.append(ToolCall(piece.id or new_call_id(), piece.name, arguments, piece.custom, index, piece.extra))
    reason = reason_of(choice.finish_reason or choice.finish_in_camels) or FinishReason.UNKNOWN
    return Completion(
        "".join(said for _, said in pieces),
        FinishReason.TOOL_CALLS if calls and reason is FinishReason.UNKNOWN else reason,
        usage,
        reasoning + "".join(thought for thought, _ in pieces),
        refusal,
        tuple(calls),
        logprobs_of(choice.logprobs),
        beside(message),
        others,
        reading=reading,
    )


def joined(deltas: Iterable[TextDelta], finish: ChatFinish) -> Completion:
    """Return the whole answer that the pieces of a stream give."""
    pieces = [delta if isinstance(delta, ChatDelta) else ChatDelta(delta.text) for delta in deltas]
    reasons = (finish.reason, *finish.more_reasons)
    first, *others = (
        _joined([piece for piece in pieces if piece.index == index], reason) for index, reason in enumerate(reasons)
    )
    return replace(first, usage=finish.usage, others=tuple(others), reading=finish.reading)


def _joined(pieces: list[ChatDelta], reason: FinishReason) -> Completion:
    calls: dict[int, ToolCall] = {}
    logprobs: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for piece in pieces:
        for call in piece.tool_calls:
            so_far = calls.get(call.index) or replace(call, arguments="", name="")
            calls[call.index] = replace(
                so_far, name=so_far.name + call.name, arguments=so_far.arguments + call.arguments
            )
        for name, tokens in (piece.logprobs or {}).items():
            logprobs.setdefault(name, []).extend(tokens)
        extra.update(piece.extra or {})
    return Completion(
        "".join(piece.text for piece in pieces),
        reason,
        None,
        "".join(piece.reasoning for piece in pieces),
        "".join(piece.refusal for piece in pieces),
        tuple(calls[index] for index in sorted(calls)),
        logprobs or None,
        extra or None,
    )


def contents_of(message: WireMessage) -> tuple[str, str, str]:
    """Return text, reasoning and refusal of a message or the delta of one."""
    reasoning = message.reasoning_content or message.reasoning or message.reasoning_text or message.thinking
    reasoning = reasoning if isinstance(reasoning, str) else ""
    refusal = message.refusal if isinstance(message.refusal, str) else ""
    content = message.content
    if content is None:
        return "", reasoning, refusal
    if isinstance(content, str):
        return content, reasoning, refusal
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise UnreadableAnswerError("content that is no text")
    texts = {"text": "", "reasoning": reasoning, "refusal": refusal}
    for part in content:
        kind, text = _part(part)
        texts[kind] += text
    return texts["text"], texts["reasoning"], texts["refusal"]


def _part(part: Any) -> tuple[str, str]:
    """Return what kind of text a part of a content holds, and the text."""
    if isinstance(part, str):
        return "text", part
    if not isinstance(part, dict):
        raise UnreadableAnswerError("a part of a content that is no object")
    kind = "text"
    for member in ("thinking", "reasoning", "refusal"):
        if member in part:
            kind = "refusal" if member == "refusal" else "reasoning"
            part = {"text": part[member]}
    text = part.get("text")
    if isinstance(text, list):  # Mistral's thinking is a list of parts again.
        text = "".join(_part(item)[1] for item in text)
    return kind, text if isinstance(text, str) else ""


def calls_in(message: WireMessage) -> list[Any]:
    """Return the tool calls of a message, or their fragments in a delta."""
    if isinstance(message.tool_calls, list):
        return message.tool_calls
    if isinstance(message.tool_calls, dict):
        return [message.tool_calls]
    if isinstance(message.function_call, dict):  # The form before there were tools.
        return [{"function": message.function_call}]
    return []


def beside(message: WireMessage) -> Mapping[str, Any] | None:
    """Return the members of a message that are passed on as they are."""
    if message.annotations or message.audio or message.reasoning_details or message.images:
        return {name: value for name in _BESIDE if (value := getattr(message, name))}
    return None


def logprobs_of(given: Any) -> Mapping[str, Any] | None:
    """Return how likely tokens were, in OpenAI's form, where a provider says it."""
    if not isinstance(given, dict):
        return None
    lists = {name: given.get(name) for name in ("content", "refusal")}
    return {name: tokens for name, tokens in lists.items() if isinstance(tokens, list) and tokens} or None


def new_call_id() -> str:
    """Return an id for a tool call whose provider gives none."""
    return f"call_{uuid.uuid4().hex}"


def reason_of(word: Any) -> FinishReason | None:
    """Return what a word for an end means; None where there is no end yet.

    Raises:
        FailedAnswerError: the answer failed.
    """
    if word is None or word in ("", "null"):
        return None
    said = str(word).lower()
    if said in _FAILURES:
        raise FailedAnswerError(500, f"finish_reason {word!r}".encode())
    return _REASON_OF.get(said, FinishReason.UNKNOWN)


def usage_of(chat: WireChat) -> TokenUsage | None:
    """Return what a provider counted, wherever it says so; None where it says nothing, or zeros."""
    if chat.usage:
        return _usage(chat.usage)
    for choice in chat.choices or ():
        if choice.usage:
            return _usage(choice.usage)
    if isinstance(chat.x_groq, dict):
        return _usage(chat.x_groq.get("usage"))
    if isinstance(chat.timings, dict):
        return _usage(
            {"prompt_tokens": chat.timings.get("prompt_n"), "completion_tokens": chat.timings.get("predicted_n")}
        )
    if chat.eval_count:
        return _usage({"prompt_tokens": chat.prompt_eval_count, "completion_tokens": chat.eval_count})
    return None


def reading_of(chat: WireChat) -> Reading | None:
    """Return how long reading took, without what was cached; None where a server does not say it, as llama.cpp does."""
    if not isinstance(chat.timings, dict):
        return None
    tokens, milliseconds = _number(chat.timings.get("prompt_n")), chat.timings.get("prompt_ms")
    if not tokens or not isinstance(milliseconds, int | float) or not 0 < milliseconds < inf:
        return None
    return Reading(tokens, milliseconds / 1000)


def _usage(given: Any) -> TokenUsage | None:
    if not isinstance(given, dict):
        return None
    read = _number(given.get("prompt_tokens")) or _number(given.get("input_tokens")) or 0
    written = _number(given.get("completion_tokens")) or _number(given.get("output_tokens")) or 0
    total = _number(given.get("total_tokens")) or 0
    if read and total > read + written:
        written = total - read  # Some leave out the tokens of a model's reasoning.
    if not read and not written:
        return None
    cached = _detail(given, ("prompt_tokens_details", "input_tokens_details"), "cached_tokens")
    if cached is None:  # DeepSeek's name.
        cached = _number(given.get("prompt_cache_hit_tokens"))
    thought = _detail(given, ("completion_tokens_details", "output_tokens_details"), "reasoning_tokens")
    return TokenUsage(read, written, _at_most(read, cached), _at_most(written, thought))


def _detail(given: Mapping[str, Any], places: Iterable[str], name: str) -> int | None:
    """Return a count of a part of the tokens; None where a provider does not say it."""
    for place in places:
        if isinstance(details := given.get(place), dict) and (count := _number(details.get(name))) is not None:
            return count
    return None


def _at_most(all_of_them: int, part: int | None) -> int | None:
    return None if part is None else min(all_of_them, part)


def _number(given: Any) -> int | None:
    """Return a count that is neither negative nor beyond all that a call can have, also where it comes as a text."""
    try:
        number = int(given)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number < _MOST else None


def raise_error_in(chat: WireChat) -> None:
    """Raise what an answer says that went wrong.

    Raises:
        FailedAnswerError: it says so.
    """
    error = chat.error
    if not error and chat.choices:
        error = next((choice.error for choice in chat.choices if choice.error), None)
    elif not error and not chat.usage:
        error = _bare_error(chat)
    if error:
        raise failure(error)


def _bare_error(chat: WireChat) -> Any:
    """Return the error of an answer without choices that names it in no `error`."""
    if isinstance(chat.base_resp, dict) and chat.base_resp.get("status_code"):
        return {"message": chat.base_resp.get("status_msg")}
    if chat.detail or (isinstance(chat.message, str) and chat.message):
        return {"message": chat.detail or chat.message, "code": chat.code}
    return None


def failure(error: Any, headers: Mapping[str, str] | None = None) -> FailedAnswerError:
    """Return the failure that an error object within an answer stands for."""
    return FailedAnswerError(_status(error), json.dumps(error, ensure_ascii=False, default=str).encode(), headers)


def _status(error: Any) -> int:
    """Return the status that an error names: as a number, by code or type, or in words; 500 when it names none."""
    members = error if isinstance(error, dict) else {"message": error}
    for name in ("code", "status", "status_code", "type"):
        said = members.get(name)
        number = _number(said)
        if number is not None and 400 <= number < 600:
            return number
        if isinstance(said, str) and said.lower() in _STATUS_OF:
            return _STATUS_OF[said.lower()]
    words = str(members.get("message") or "")
    return next((status for pattern, status in _STATUS_IN_WORDS if pattern.search(words)), 500)
