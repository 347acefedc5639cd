"""Holds answers against the schema that they were asked for, and asks once more for one that does not match."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from services.common.values import TokenUsage
from services.kit.errors import FailedPrecondition, FieldViolation, InvalidArgument, TikuError
from services.llm.domain import faults
from services.llm.domain.structured.json_text import CUT, NotJsonError, read_json
from services.llm.values.chat import (
    ChatDelta,
    ChatFinish,
    ChatMessage,
    ChatRequest,
    Completion,
    FinishReason,
    Role,
    SchemaCheck,
    TextDelta,
)

if TYPE_CHECKING:
    from services.llm.domain.structured.schema import Schema

EndT = TypeVar("EndT")

_FIELD = "options.structured_output.json_schema"
_CHECKED = (FinishReason.STOP, FinishReason.UNKNOWN, FinishReason.TOOL_CALLS)
"""Ends of answers that somebody cut off, or withheld, are told as what they are."""
_TOLD_CHARACTERS = 32_768
"""As much of a wrong answer is shown to its model."""
_TEXT_BYTES = 3_000
"""As much of a wrong answer fits into an error, whose trailer holds 8 KiB at most."""
_SHORT_CHARACTERS = 4_000
_FEW_STEPS = 200
"""A short answer is held against a small schema on the loop if that takes no more steps, a millisecond at most: a
thread costs two tenths of it."""
_MOST_COMPILED = 256
_compiled: dict[str, Schema] = {}
"""The last schemas that answers were held against, by their JSON, the latest at the end."""


def has_to_match(prompt: ChatRequest) -> bool:
    """Return whether the answer has to match a schema."""
    return prompt.output is not None and prompt.output.strict


async def wanted(prompt: ChatRequest) -> Schema | None:
    """Return the schema that the answer has to match; None where it need not match any.

    Raises:
        InvalidArgument: it is none that answers can be held against.
    """
    return await _usable(prompt) if has_to_match(prompt) else None


async def checked(completion: Completion, prompt: ChatRequest, schema: Schema | None) -> Completion:
    """Return an answer with what its schema says of it, and without fences and words around the JSON.

    It stays as it is where it is cut, withheld, refused or calls tools.
    """
    if schema is None:
        return completion
    answers = (completion, *completion.others)
    if any(answer.reason not in _CHECKED or answer.refusal or answer.tool_calls for answer in answers):
        return completion
    texts, rules = await _held([answer.text for answer in answers], schema, alone=False)
    if rules == [CUT] and _at_limit(completion.usage, prompt):
        return replace(completion, reason=FinishReason.LENGTH)
    first, *others = (replace(answer, text=text) for answer, text in zip(answers, texts, strict=True))
    return replace(first, others=tuple(others), check=SchemaCheck(rules))


async def stream_checked(
    events: AsyncGenerator[TextDelta | tuple[ChatFinish, EndT], None], prompt: ChatRequest
) -> AsyncGenerator[TextDelta | tuple[ChatFinish, EndT], None]:
    """Yield the events of a stream as they come; the finish says whether what they gave, as it is, matches.

    Raises:
        InvalidArgument: the schema is none that answers can be held against; no event was asked for yet.
    """
    schema = await _usable(prompt)
    texts: list[list[str]] = [[] for _ in range(prompt.n)]
    answered = True
    async with aclosing(events):
        async for event in events:
            if isinstance(event, TextDelta):
                delta = event if isinstance(event, ChatDelta) else ChatDelta(event.text)
                answered = answered and not (delta.refusal or delta.tool_calls)
                texts[delta.index].append(delta.text)
            elif answered and event[0].check is None:
                event = await _finish_checked(event[0], texts, schema), event[1]
            yield event


async def _finish_checked(finish: ChatFinish, texts: Sequence[Sequence[str]], schema: Schema) -> ChatFinish:
    if any(reason not in _CHECKED for reason in (finish.reason, *finish.more_reasons)):
        return finish
    said = ["".join(pieces) for pieces in texts]
    _, rules = await _held(said, schema, alone=True)
    return replace(finish, check=SchemaCheck(rules))


def repair_prompt(prompt: ChatRequest, completion: Completion) -> ChatRequest:
    """Return the conversation that asks again for an answer that does not match."""
    rules = "\n".join(f"- {rule}" for rule in broken_rules(completion))
    schema = json.dumps(_schema(prompt), ensure_ascii=False, default=dict)
    words = (
        f"That answer cannot be used:\n{rules}\n\nAnswer again, whole, with one JSON value and nothing around it. It "
        f"has to match this JSON Schema: {schema}"
    )
    said = completion.text[:_TOLD_CHARACTERS]
    answer = [ChatMessage(Role.ASSISTANT, said)] if said.strip() else []
    return replace(prompt, messages=[*prompt.messages, *answer, ChatMessage(Role.USER, words)])


def repaired(first: Completion, second: Completion) -> Completion:
    """Return the answer that a model gave when it was asked again, with what both cost."""
    counts = [usage for usage in (first.usage, second.usage) if usage is not None]
    usage = sum(counts, TokenUsage()) if counts else None
    check = replace(second.check, repaired=True) if second.check else None
    return replace(second, usage=usage, check=check)


def broken_rules(completion: Completion) -> Sequence[str]:
    """Return the rules of its schema that an answer breaks; none also where it was not to be held against one."""
    return completion.check.broken_rules if completion.check else ()


def does_not_match(completion: Completion, provider: str, why_not_again: str = "") -> TikuError:
    """Return the error of an answer that does not match, with the rule and the text."""
    rule, data = broken_rules(completion)[0], completion.text.encode("utf-8", "replace")
    more = {"not_asked_again": why_not_again} if why_not_again else {}
    return FailedPrecondition(
        f"The model's answer does not match the schema: {rule}.",
        reason=faults.SCHEMA_NOT_MATCHED,
        metadata={
            "provider": provider,
            "rule": rule,
            "text": data[:_TEXT_BYTES].decode("utf-8", "ignore"),
            "text_bytes": str(len(data)),
            **more,
        },
    )


def _schema(prompt: ChatRequest) -> Mapping[str, object]:
    return prompt.output.schema if prompt.output else {}


async def _usable(prompt: ChatRequest) -> Schema:
    """Return the schema of a prompt that has one.

    Raises:
        InvalidArgument: it is none that answers can be held against.
    """
    text = json.dumps(_schema(prompt), default=dict)
    schema = _compiled.pop(text, None)
    if schema is None:
        schema = await asyncio.to_thread(_compile, text)
    _compiled[text] = schema
    while len(_compiled) > _MOST_COMPILED:
        del _compiled[next(iter(_compiled))]
    return schema


def _compile(text: str) -> Schema:
    # Not at the top: 5 MB and a tenth of a second, which only calls with a schema need.
    from services.llm.domain.structured.schema import Schema, UnusableSchemaError

    try:
        return Schema.read(text)
    except UnusableSchemaError as error:
        raise InvalidArgument(f"{_FIELD}: {error}.", violations=[FieldViolation(_FIELD, str(error))]) from error


async def _held(texts: Sequence[str], schema: Schema, *, alone: bool) -> tuple[list[str], list[str]]:
    """Return the JSON of each text, where it is some, and the rules that the first wrong one breaks."""
    from services.llm.domain.structured.schema import TooMuchError  # Loaded: there is a schema.

    if schema.is_small and sum(map(len, texts)) <= _SHORT_CHARACTERS:
        with suppress(TooMuchError, RecursionError):
            return _read(texts, lambda value: schema.broken_within(value, _FEW_STEPS), alone=alone)
    # In a thread: a long answer takes longer than a loop may be held.
    return await asyncio.to_thread(_read, texts, schema.broken_rules, alone=alone)


def _read(
    texts: Sequence[str], broken_rules: Callable[[Any], list[str]], *, alone: bool
) -> tuple[list[str], list[str]]:
    parts = list(texts)
    broken: list[str] = []
    for index, text in enumerate(texts):
        value: Any
        try:
            value, parts[index] = read_json(text, alone=alone)
            rules = broken_rules(value)
        except NotJsonError as error:
            rules = [str(error)]
        broken = broken or rules
    return parts, broken


def _at_limit(usage: TokenUsage | None, prompt: ChatRequest) -> bool:
    """Return whether a model wrote as much as it was allowed to, whatever its provider says of the end."""
    return usage is not None and prompt.max_tokens is not None and usage.completion_tokens >= prompt.max_tokens
