"""What providers do, and what both adapters make of it: one behavior a case.

The cases are those of issue trackers of litellm, openai-python, vllm, ollama, sglang and pydantic-ai, and of Tiku's own
users. A case has what the provider sends, and what comes of it: an answer, or the reason of an error.
"""

from __future__ import annotations

import gzip
import json
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import pytest

from services.common.values import TokenUsage
from services.kit.errors import TikuError
from services.llm.adapters.providers.openai_chat import OpenAiChat
from services.llm.values.chat import ChatDelta, ChatFinish, ChatMessage, ChatRequest, FinishReason, OutputSchema, Role
from tests.fakes.raw_provider import Play, RawProvider, dumped, sse, whole

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK = ChatRequest(model="m", messages=(ChatMessage(Role.USER, "What is it?"),))
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
STOP, LENGTH, FILTER = FinishReason.STOP, FinishReason.LENGTH, FinishReason.CONTENT_FILTER
CALLS, UNKNOWN = FinishReason.TOOL_CALLS, FinishReason.UNKNOWN


@dataclass(frozen=True)
class Said:
    """An answer, whole or put together from its pieces."""

    text: str = ""
    reason: FinishReason = STOP
    usage: tuple[int, int] | None = None
    reasoning: str = ""
    refusal: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    """Name and arguments of each tool call."""


def chunk(delta: object = None, finish: object = None, **more: Any) -> dict[str, Any]:
    """Return an event of a stream."""
    choice = {"index": 0, "delta": delta if delta is not None else {}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [choice | more.pop("choice", {})], **more}


def text(content: object, **more: Any) -> dict[str, Any]:
    """Return an event with text."""
    return chunk({"content": content}, **more)


def answer(message: object, finish: object = "stop", **more: Any) -> dict[str, Any]:
    """Return a whole answer."""
    choice = {"index": 0, "message": message, "finish_reason": finish} | more.pop("choice", {})
    return {"id": "c", "object": "chat.completion", "choices": [choice], **more}


def call(name: str | None = None, arguments: object = None, **more: Any) -> dict[str, Any]:
    """Return a tool call, or a fragment of one."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {"function": function, **more}


def calls(*fragments: object) -> dict[str, Any]:
    """Return an event with fragments of tool calls."""
    return chunk({"tool_calls": list(fragments)})


def error(status: int, message: str = "no", **members: Any) -> Play:
    """Return an error as OpenAI sends it."""
    headers = members.pop("headers", {})
    return Play(
        pieces=[dumped({"error": {"message": message, **members}})],
        status=status,
        headers={"Content-Type": "application/json", **headers},
    )


END = chunk({}, "stop")
HI = Said("Hi there")
TWO = (text("Hi"), text(" there"))
WEATHER = Said(reason=CALLS, calls=(("weather", '{"in": "北京"}'),))
BOTH = Said(reason=CALLS, calls=(("a", '{"x": 1}'), ("b", '{"y": 2}')))
PLAIN = b"".join(b"data: " + dumped(event) + b"\n\n" for event in (*TWO, END)) + b"data: [DONE]\n\n"

STREAMS: dict[str, tuple[Play, Said | str]] = {
    "plain": (sse(*TWO, END), HI),
    # Ends.
    "finish_reason in the event of the last text": (
        sse(text("Hi"), text(" there", choice={"finish_reason": "stop"})),
        HI,
    ),
    "finish_reason in every event": (sse(*(text(t, choice={"finish_reason": "stop"}) for t in ("Hi", " there"))), HI),
    "finish_reason empty in every event": (
        sse(*(text(t, choice={"finish_reason": ""}) for t in ("Hi", " there")), END),
        HI,
    ),
    "finish_reason empty and cut": (
        replace(sse(text("Hi", choice={"finish_reason": ""}), done=False), cut=True),
        "PROVIDER_UNAVAILABLE",
    ),
    "finish_reason of the text null": (sse(text("Hi", choice={"finish_reason": "null"}), text(" there"), END), HI),
    "finish_reason eos": (sse(*TWO, chunk({}, "eos")), HI),
    "finish_reason end_turn": (sse(*TWO, chunk({}, "end_turn")), HI),
    "finish_reason in capitals": (sse(*TWO, chunk({}, "MAX_TOKENS")), replace(HI, reason=LENGTH)),
    "finish_reason length": (sse(*TWO, chunk({}, "length")), replace(HI, reason=LENGTH)),
    "finish_reason content_filter": (sse(*TWO, chunk({}, "content_filter")), replace(HI, reason=FILTER)),
    "finish_reason safety": (sse(chunk({}, "SAFETY")), Said(reason=FILTER)),
    "finish_reason error": (sse(*TWO, chunk({}, "error")), "PROVIDER_UNAVAILABLE"),
    "finish_reason insufficient_system_resource": (
        sse(*TWO, chunk({}, "insufficient_system_resource")),
        "PROVIDER_UNAVAILABLE",
    ),
    "finish_reason of nobody": (sse(*TWO, chunk({}, "tired")), replace(HI, reason=UNKNOWN)),
    "finish_reason a number": (sse(*TWO, chunk({}, 7)), replace(HI, reason=UNKNOWN)),
    "finish_reason twice": (sse(*TWO, END, END), HI),
    "[DONE] without finish_reason": (sse(*TWO), replace(HI, reason=UNKNOWN)),
    "finish_reason without [DONE]": (sse(*TWO, END, done=False), HI),
    "[DONE] with a space": (Play(pieces=[PLAIN.replace(b"[DONE]", b"[DONE] ")]), HI),
    "[DONE] without a blank line": (Play(pieces=[PLAIN.removesuffix(b"\n\n")]), HI),
    "events behind [DONE]": (Play(pieces=[PLAIN, b"data: " + dumped(text("!")) + b"\n\n"]), HI),
    "[DONE] in small letters": (Play(pieces=[PLAIN.replace(b"[DONE]", b"[done]")]), HI),
    "[DONE] twice": (Play(pieces=[PLAIN, b"data: [DONE]\n\n"]), HI),
    "[DONE] without data:": (Play(pieces=[PLAIN.replace(b"data: [DONE]", b"[DONE]")]), HI),
    "finish_reason and cut": (replace(sse(*TWO, END, done=False), cut=True), HI),
    "[DONE] and cut": (replace(sse(*TWO, END), cut=True), HI),
    "finishReason in Gemini's form": (sse(*TWO, {"choices": [{"delta": {}, "finishReason": "STOP"}]}, done=False), HI),
    "neither": (sse(*TWO, done=False), "PROVIDER_UNAVAILABLE"),
    "cut in an event": (Play(pieces=[PLAIN[:90]], cut=True), "PROVIDER_UNAVAILABLE"),
    "cut before anything": (Play(cut=True), "PROVIDER_UNAVAILABLE"),
    "empty body": (Play(), "PROVIDER_UNAVAILABLE"),
    "silence": (Play(pieces=[b"data: " + dumped(TWO[0]) + b"\n\n"], hang=True), "PROVIDER_TIMEOUT"),
    # Deltas.
    "role alone first": (sse(chunk({"role": "assistant"}), *TWO, END), HI),
    "role in every event": (sse(*(chunk({"role": "assistant", "content": t}) for t in ("Hi", " there")), END), HI),
    "content null": (sse(text(None), *TWO, text(None), END), HI),
    "content empty": (sse(text(""), *TWO, text(""), END), HI),
    "delta null": (sse(chunk(choice={"delta": None}), *TWO, END), HI),
    "no delta": (sse({"choices": [{"index": 0}]}, *TWO, END), HI),
    "choices empty": (sse({"choices": []}, *TWO, END), HI),
    "choices null": (sse({"choices": None}, *TWO, END), HI),
    "an empty object": (sse({}, *TWO, END), HI),
    "null for an event": (sse(b"null", *TWO, END), HI),
    "text in the place of delta": (sse({"choices": [{"text": "Hi there", "index": 0}]}, END), HI),
    "the whole message at the end again": (
        sse(*TWO, chunk(choice={"message": {"content": "Hi there"}, "delta": None, "finish_reason": "stop"})),
        HI,
    ),
    "a choice nobody asked for": (sse(*TWO, text("mixed", choice={"index": 1}), END), HI),
    "index a text": (sse(*(text(t, choice={"index": "0"}) for t in ("Hi", " there")), END), HI),
    "no index": (sse(*({"choices": [{"delta": {"content": t}}]} for t in ("Hi", " there")), END), HI),
    "content a list": (sse(text([{"type": "text", "text": "Hi"}]), text([" there"]), END), HI),
    "content a list with thinking": (
        sse(
            text([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]),
            text([{"text": "Hi there"}]),
            END,
        ),
        replace(HI, reasoning="hm"),
    ),
    "content a number": (sse(text(7), END), "PROVIDER_BAD_RESPONSE"),
    "half a character": (
        Play(pieces=[b'data: {"choices":[{"delta":{"content":"Hi \\ud83d"},"finish_reason":"stop"}]}\n\n']),
        Said("Hi �"),
    ),
    "not a number": (sse(b'{"choices":[{"delta":{"content":"Hi there"},"x":NaN,"finish_reason":"stop"}]}'), HI),
    "refusal": (sse(chunk({"refusal": "I can"}), chunk({"refusal": "not."}), END), Said(refusal="I cannot.")),
    # Reasoning.
    "reasoning_content": (
        sse(chunk({"reasoning_content": "hm", "content": None}), *TWO, END),
        replace(HI, reasoning="hm"),
    ),
    "reasoning": (sse(chunk({"reasoning": "hm", "content": ""}), *TWO, END), replace(HI, reasoning="hm")),
    "both reasonings": (
        sse(chunk({"reasoning": "hm", "reasoning_content": "hm"}), *TWO, END),
        replace(HI, reasoning="hm"),
    ),
    "<think> in one event": (sse(text("<think>hm</think>\n\nHi there"), END), replace(HI, reasoning="hm")),
    "<think> cut anywhere": (
        sse(*(text(letter) for letter in "\n<think>a </b> hm</think>\n\nHi there"), END),
        replace(HI, reasoning="a </b> hm"),
    ),
    "<think> never closed": (sse(text("<think>hm</th"), chunk({}, "length")), Said("", LENGTH, reasoning="hm</th")),
    "<think> within a text": (sse(text("Say <think>x</think>"), END), Said("Say <think>x</think>")),
    "a text that begins like <think>": (sse(text("<thi"), text("s> is"), END), Said("<this> is")),
    "nothing but blanks": (sse(text(" \n"), END), Said(" \n")),
    "reasoning_text": (sse(chunk({"reasoning_text": "hm"}), *TWO, END), replace(HI, reasoning="hm")),
    "thinking": (sse(chunk({"thinking": "hm"}), *TWO, END), replace(HI, reasoning="hm")),
    # Usage.
    "usage in an event of its own": (sse(*TWO, END, {"choices": [], "usage": USAGE}), replace(HI, usage=(3, 2))),
    "usage with the end": (sse(*TWO, chunk({}, "stop", usage=USAGE)), replace(HI, usage=(3, 2))),
    "usage null until the end": (
        sse(*(e | {"usage": None} for e in TWO), END | {"usage": USAGE}),
        replace(HI, usage=(3, 2)),
    ),
    "usage that grows": (
        sse(text("Hi", usage=USAGE | {"completion_tokens": 1, "total_tokens": 4}), text(" there", usage=USAGE), END),
        replace(HI, usage=(3, 2)),
    ),
    "usage zero at the end": (
        sse(*TWO, chunk({}, "stop", usage=USAGE), {"choices": [], "usage": dict.fromkeys(USAGE, 0)}),
        replace(HI, usage=(3, 2)),
    ),
    "usage of nulls": (sse(*TWO, END, {"choices": [], "usage": dict.fromkeys(USAGE)}), HI),
    "usage empty": (sse(*TWO, END, {"choices": [], "usage": {}}), HI),
    "usage a text": (sse(*TWO, END, {"choices": [], "usage": "none"}), HI),
    "usage of texts": (
        sse(*TWO, END | {"usage": {"prompt_tokens": "3", "completion_tokens": "2"}}),
        replace(HI, usage=(3, 2)),
    ),
    "usage in the choice": (sse(*TWO, chunk({}, "stop", choice={"usage": USAGE})), replace(HI, usage=(3, 2))),
    "usage beyond all bounds": (
        sse(*TWO, END | {"usage": {"prompt_tokens": 10**30, "completion_tokens": 2}}),
        replace(HI, usage=(0, 2)),
    ),
    "usage first": (sse({"choices": [], "usage": USAGE}, *TWO, END), replace(HI, usage=(3, 2))),
    "usage in x_groq": (sse(*TWO, END | {"x_groq": {"usage": USAGE}}), replace(HI, usage=(3, 2))),
    "usage in timings": (sse(*TWO, END | {"timings": {"prompt_n": 3, "predicted_n": 2}}), replace(HI, usage=(3, 2))),
    "usage by other names": (
        sse(*TWO, END | {"usage": {"input_tokens": 3, "output_tokens": 2}}),
        replace(HI, usage=(3, 2)),
    ),
    "usage whose total alone has the reasoning": (
        sse(*TWO, END | {"usage": USAGE | {"total_tokens": 9}}),
        replace(HI, usage=(3, 6)),
    ),
    "usage instead of an end": (
        sse(*TWO, {"choices": [], "usage": USAGE}, done=False),
        replace(HI, usage=(3, 2), reason=UNKNOWN),
    ),
    # Tool calls.
    "a tool call": (
        sse(
            calls(call("weather", "", index=0, id="c1", type="function")),
            calls(call(None, '{"in": ', index=0)),
            calls(call(None, '"北京"}', index=0)),
            chunk({}, "tool_calls"),
        ),
        WEATHER,
    ),
    "a tool call without index": (
        sse(calls(call("weather", '{"in": ', id="c1")), calls(call(None, '"北京"}')), chunk({}, "tool_calls")),
        WEATHER,
    ),
    "a tool call without id": (
        sse(calls(call("weather", '{"in": ', index=0)), calls(call(None, '"北京"}', index=0)), chunk({}, "tool_calls")),
        WEATHER,
    ),
    "a tool call without either": (
        sse(calls(call("weather", '{"in": ')), calls(call(None, '"北京"}')), chunk({}, "tool_calls")),
        WEATHER,
    ),
    "a tool call with id and name in every fragment": (
        sse(
            calls(call("weather", '{"in": ', index=0, id="c1")),
            calls(call("weather", '"北京"}', index=0, id="c1")),
            chunk({}, "tool_calls"),
        ),
        WEATHER,
    ),
    "a tool call whose name comes late": (
        sse(
            calls(call(None, "", index=0, id="c1")),
            calls(call("weather", '{"in": "北京"}', index=0)),
            chunk({}, "tool_calls"),
        ),
        WEATHER,
    ),
    "a tool call with an object": (
        sse(calls(call("weather", {"in": "北京"}, index=0)), chunk({}, "tool_calls")),
        WEATHER,
    ),
    "a tool call that ends with stop": (
        sse(calls(call("weather", '{"in": "北京"}', index=0)), END),
        replace(WEATHER, reason=STOP),
    ),
    "a tool call that ends with a word of nobody": (
        sse(calls(call("weather", '{"in": "北京"}', index=0)), chunk({}, "done")),
        WEATHER,
    ),
    "a tool call with text before it": (
        sse(text("Let me see."), calls(call("weather", '{"in": "北京"}', index=0)), chunk({}, "tool_calls")),
        replace(WEATHER, text="Let me see."),
    ),
    "a tool call without arguments": (
        sse(calls(call("now", None, index=0, id="c1")), chunk({}, "tool_calls")),
        Said(reason=CALLS, calls=(("now", "{}"),)),
    ),
    "finish_reason tool_calls and text alone": (sse(*TWO, chunk({}, "tool_calls")), replace(HI, reason=CALLS)),
    "the form before tools": (
        sse(
            chunk({"function_call": {"name": "weather", "arguments": ""}}),
            chunk({"function_call": {"arguments": '{"in": "北京"}'}}),
            chunk({}, "function_call"),
        ),
        WEATHER,
    ),
    "two tool calls by turns": (
        sse(
            calls(call("a", "", index=0, id="1"), call("b", "", index=1, id="2")),
            calls(call(None, '{"y"', index=1), call(None, '{"x"', index=0)),
            calls(call(None, ": 1}", index=0)),
            calls(call(None, ": 2}", index=1)),
            chunk({}, "tool_calls"),
        ),
        BOTH,
    ),
    "two tool calls of one index": (
        sse(
            calls(call("a", '{"x": 1}', index=0, id="1")),
            calls(call("b", '{"y": 2}', index=0, id="2")),
            chunk({}, "tool_calls"),
        ),
        BOTH,
    ),
    "two tool calls of one index without ids": (
        sse(calls(call("a", '{"x": 1}', index=0)), calls(call("b", '{"y": 2}', index=0)), chunk({}, "tool_calls")),
        BOTH,
    ),
    "two tool calls without index": (
        sse(
            calls(call("a", '{"x"', id="1")),
            calls(call(None, ": 1}")),
            calls(call("b", '{"y"', id="2")),
            calls(call(None, ": 2}")),
            chunk({}, "tool_calls"),
        ),
        BOTH,
    ),
    "two tool calls without index, by their ids": (
        sse(
            calls(call("a", '{"x"', id="1"), call("b", '{"y"', id="2")),
            calls(call(None, ": 1}", id="1"), call(None, ": 2}", id="2")),
            chunk({}, "tool_calls"),
        ),
        BOTH,
    ),
    "two tool calls in one event without anything": (
        sse(calls(call("a", {"x": 1}), call("b", {"y": 2})), chunk({}, "tool_calls")),
        BOTH,
    ),
    "a second call whose index is wrong at first": (
        sse(
            calls(call("a", '{"x": 1}', index=0, id="1")),
            calls(call("b", "", index=0, id="2")),
            calls(call(None, '{"y": 2}', index=1)),
            chunk({}, "tool_calls"),
        ),
        BOTH,
    ),
    "a tool call with another id in every fragment": (
        sse(
            calls(call("weather", "", index=0, id="a")),
            calls(call("", '{"in": ', index=0, id="b")),
            calls(call(None, '"北京"}', index=0, id="c")),
            chunk({}, "tool_calls"),
        ),
        WEATHER,
    ),
    "a tool call whose arguments come whole once more": (
        sse(
            calls(call("weather", '{"in": ', index=0, id="a")),
            calls(call(None, '"北京"}', index=0)),
            calls(call("weather", '{"in": "北京"}', index=0, id="a")),
            calls(call("weather", json.dumps('{"in": "北京"}'), index=0, id="a")),
            chunk({}, "tool_calls"),
        ),
        WEATHER,
    ),
    "a tool call that has an empty object first": (
        sse(
            calls(call("weather", "{}", index=0, id="a")),
            calls(call(None, '{"in": "北京"}', index=0)),
            chunk({}, "tool_calls"),
        ),
        WEATHER,
    ),
    "a tool call whose arguments are JSON in a text": (
        sse(calls(call("weather", json.dumps('{"in": "北京"}'), index=0)), chunk({}, "tool_calls")),
        WEATHER,
    ),
    "a tool call with parameters": (
        sse(
            calls({"index": 0, "id": "a", "function": {"name": "weather", "parameters": {"in": "北京"}}}),
            chunk({}, "tool_calls"),
        ),
        WEATHER,
    ),
    "a tool call without function": (
        sse(
            calls({"index": 0, "id": "a", "name": "weather", "arguments": '{"in": "北京"}'}),
            chunk({}, "tool_calls"),
        ),
        WEATHER,
    ),
    "a tool call and no end": (
        sse(calls(call("weather", '{"in": "北京"}', index=0, id="a")), done=False),
        WEATHER,
    ),
    "a tool call and [DONE] alone": (sse(calls(call("weather", '{"in": "北京"}', index=0, id="a"))), WEATHER),
    "a tool call that is cut": (
        sse(calls(call("weather", '{"in": "北', index=0, id="a")), done=False),
        "PROVIDER_UNAVAILABLE",
    ),
    "a text that is an object within arguments": (
        sse(
            calls(call("weather", '{"in": ', index=0, id="a")),
            calls(call(None, '"{}"', index=0)),
            calls(call(None, "}")),
            END,
        ),
        Said(reason=STOP, calls=(("weather", '{"in": "{}"}'),)),
    ),
    "two tool calls from index 1": (
        sse(
            calls(call("a", '{"x": 1}', index=1, id="1")),
            calls(call("b", '{"y": 2}', index=2, id="2")),
            chunk({}, "tool_calls"),
        ),
        BOTH,
    ),
    "tool_calls empty": (sse(chunk({"content": "Hi there", "tool_calls": []}), END), HI),
    "tool_calls an object": (
        sse(chunk({"tool_calls": call("weather", '{"in": "北京"}', id="1")}), chunk({}, "tool_calls")),
        WEATHER,
    ),
    "a tool call that is no object": (sse(calls("weather"), END), "PROVIDER_BAD_RESPONSE"),
    # Bytes.
    "comments and keep-alives": (
        Play(pieces=[b": OPENROUTER PROCESSING\n\n", b":\n\n", PLAIN.replace(b"\n\n", b"\n\n: ping\n\n")]),
        HI,
    ),
    "CRLF": (Play(pieces=[PLAIN.replace(b"\n", b"\r\n")]), HI),
    "CRLF cut between the two": (
        Play(pieces=[piece for line in PLAIN.split(b"\n")[:-1] for piece in (line + b"\r", b"\n")]),
        HI,
    ),
    "no space behind data:": (Play(pieces=[PLAIN.replace(b"data: ", b"data:")]), HI),
    "one byte a piece": (
        Play(
            pieces=[
                bytes([byte]) for byte in b"data: " + dumped(text("你好🙂", choice={"finish_reason": "stop"})) + b"\n\n"
            ]
        ),
        Said("你好🙂"),
    ),
    "a byte order mark": (Play(pieces=[b"\xef\xbb\xbf" + PLAIN]), HI),
    "a byte order mark that is cut": (Play(pieces=[b"\xef", b"\xbb\xbf" + PLAIN]), HI),
    "blank lines first": (Play(pieces=[b"\n\n", b"\r\n", PLAIN]), HI),
    "data in several lines": (
        Play(
            pieces=[
                b'data: {"choices": [{"delta":\ndata: {"content": "Hi there"},\ndata: "finish_reason": "stop"}]}\n\n'
            ]
        ),
        HI,
    ),
    "no blank line between events": (Play(pieces=[PLAIN.replace(b"\n\n", b"\n")]), HI),
    "two objects in one event": (
        Play(pieces=[b"data: " + b"".join(map(dumped, (*TWO, END))) + b"\n\ndata: [DONE]\n\n"]),
        HI,
    ),
    "two events in one line": (
        Play(pieces=[b"".join(b"data: " + dumped(event) for event in (*TWO, END)) + b"\n\ndata: [DONE]\n\n"]),
        HI,
    ),
    "words that only keep the connection": (Play(pieces=[b"data: ping\n\n", b"retry: 1000\n\n", PLAIN]), HI),
    "lines of JSON without data:": (Play(pieces=[dumped(event) + b"\n" for event in (*TWO, END)]), HI),
    "gzip in pieces": (
        Play(
            pieces=[gzip.compress(PLAIN)[at : at + 20] for at in range(0, len(gzip.compress(PLAIN)), 20)],
            headers={"Content-Encoding": "gzip"},
        ),
        HI,
    ),
    "event, id and retry": (
        Play(pieces=[PLAIN.replace(b"data: ", b"event: message\nid: 7\nretry: 10\ndata: ")]),
        HI,
    ),
    "empty data": (Play(pieces=[b"data:\n\n", b"data: \n\n", PLAIN]), HI),
    "gzip": (Play(pieces=[gzip.compress(PLAIN)], headers={"Content-Encoding": "gzip"}), HI),
    "a line of 900 kB": (sse(text("x" * 900_000), END), Said("x" * 900_000)),
    "a line of 3 MB": (sse(text("x" * 3_000_000), END), "PROVIDER_BAD_RESPONSE"),
    "bytes that are no UTF-8": (
        Play(pieces=[b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n']),
        "PROVIDER_BAD_RESPONSE",
    ),
    "no JSON": (sse(b"{no"), "PROVIDER_BAD_RESPONSE"),
    "a whole answer unasked": (whole(answer({"content": "Hi there"}, usage=USAGE)), replace(HI, usage=(3, 2))),
    "a page in HTML": (whole(b"<!doctype html><h1>Welcome</h1>"), "PROVIDER_BAD_RESPONSE"),
    # Errors within what began well.
    "an error at once": (sse({"error": {"message": "no", "code": 429}}), "PROVIDER_RATE_LIMITED"),
    "an error after text": (sse(*TWO, {"error": {"message": "no", "code": 500}}), "PROVIDER_UNAVAILABLE"),
    "an error whose code is a text": (sse({"error": {"message": "no", "code": "400"}}), "PROVIDER_REJECTED"),
    "an error of a type": (sse({"error": {"message": "no", "type": "overloaded_error"}}), "PROVIDER_UNAVAILABLE"),
    "an error that is a text": (sse({"error": "model 'm' not found"}), "MODEL_NOT_FOUND"),
    "an error about length": (
        sse({"error": {"message": "exceeds the model's maximum context length of 9 tokens", "code": 400}}),
        "CONTEXT_TOO_LONG",
    ),
    "an error in the choice": (
        sse({"choices": [{"error": {"code": 502}, "finish_reason": "error"}]}),
        "PROVIDER_UNAVAILABLE",
    ),
    "an event named error": (
        Play(pieces=[b'event: error\ndata: {"message": "slow down", "code": 429}\n\n']),
        "PROVIDER_RATE_LIMITED",
    ),
    "an error in the old form": (sse({"object": "error", "message": "no", "code": 400}), "PROVIDER_REJECTED"),
    "an error in MiniMax's form": (
        whole({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
        "PROVIDER_OUT_OF_CREDIT",
    ),
    "an error in JSON for a stream": (whole({"error": {"message": "no", "code": 503}}), "PROVIDER_UNAVAILABLE"),
    "an error in Gemini's form": (
        whole([{"error": {"code": 503, "message": "The model is overloaded", "status": "UNAVAILABLE"}}]),
        "PROVIDER_UNAVAILABLE",
    ),
    "an error in Anthropic's form": (
        sse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        "PROVIDER_UNAVAILABLE",
    ),
    "an error with choices": (
        sse({"error": {"message": "Provider returned error", "code": 429}, "choices": []}),
        "PROVIDER_RATE_LIMITED",
    ),
    "error null": (sse(*(event | {"error": None} for event in (*TWO, END))), HI),
}

WHOLES: dict[str, tuple[Play, Said | str]] = {
    "plain": (whole(answer({"role": "assistant", "content": "Hi there"}, usage=USAGE)), replace(HI, usage=(3, 2))),
    "a stream unasked": (sse(*TWO, chunk({}, "stop", usage=USAGE)), replace(HI, usage=(3, 2))),
    "content null": (whole(answer({"content": None})), Said()),
    "refusal": (whole(answer({"content": None, "refusal": "I cannot."})), Said(refusal="I cannot.")),
    "content a list": (whole(answer({"content": [{"type": "text", "text": "Hi there"}]})), HI),
    "reasoning_content": (
        whole(answer({"content": "Hi there", "reasoning_content": "hm"})),
        replace(HI, reasoning="hm"),
    ),
    "<think>": (whole(answer({"content": "<think>\nhm</think>\n\nHi there"})), replace(HI, reasoning="\nhm")),
    "</think> alone": (whole(answer({"content": "hm</think>\n\nHi there"})), replace(HI, reasoning="hm")),
    "finish_reason null": (whole(answer({"content": "Hi there"}, None)), replace(HI, reason=UNKNOWN)),
    "finish_reason eos": (whole(answer({"content": "Hi there"}, "eos_token")), HI),
    "finish_reason error": (whole(answer({"content": "Hi"}, "error")), "PROVIDER_UNAVAILABLE"),
    "usage of nulls": (whole(answer({"content": "Hi there"}, usage={"prompt_tokens": None})), HI),
    "usage of floats": (
        whole(answer({"content": "Hi there"}, usage={"prompt_tokens": 3.0, "completion_tokens": 2.0})),
        replace(HI, usage=(3, 2)),
    ),
    "usage of Ollama": (
        whole(answer({"content": "Hi there"}, prompt_eval_count=3, eval_count=2)),
        replace(HI, usage=(3, 2)),
    ),
    "a tool call": (
        whole(answer({"content": None, "tool_calls": [call("weather", '{"in": "北京"}', id="1")]}, "tool_calls")),
        WEATHER,
    ),
    "two tool calls without ids, as objects": (
        whole(answer({"tool_calls": [call("a", {"x": 1}), call("b", {"y": 2})]}, "tool_calls")),
        BOTH,
    ),
    "a tool call whose arguments are JSON in a text": (
        whole(answer({"tool_calls": [call("weather", json.dumps('{"in": "北京"}'), id="1")]}, "tool_calls")),
        WEATHER,
    ),
    "a message in the place of delta": (
        whole({"choices": [{"delta": {"content": "Hi there"}, "finish_reason": "stop"}]}),
        HI,
    ),
    "thinking blocks": (
        whole(answer({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi there"}]})),
        replace(HI, reasoning="hm"),
    ),
    "a refusal among parts": (
        whole(answer({"content": [{"type": "refusal", "refusal": "I cannot."}]})),
        Said(refusal="I cannot."),
    ),
    "lines of JSON": (whole(b"\n".join(map(dumped, (*TWO, END)))), HI),
    "an error in Gemini's form": (
        whole([{"error": {"code": 429, "message": "quota exceeded"}}], 429),
        "PROVIDER_RATE_LIMITED",
    ),
    "tool_calls null": (whole(answer({"content": "Hi there", "tool_calls": None})), HI),
    "the form before tools": (
        whole(answer({"function_call": {"name": "weather", "arguments": '{"in": "北京"}'}}, "function_call")),
        WEATHER,
    ),
    "gzip": (
        replace(whole(gzip.compress(dumped(answer({"content": "Hi there"})))), headers={"Content-Encoding": "gzip"}),
        HI,
    ),
    "blanks around": (whole(b"\n  " + dumped(answer({"content": "Hi there"})) + b"\n"), HI),
    "a byte order mark": (whole(b"\xef\xbb\xbf" + dumped(answer({"content": "Hi there"}))), HI),
    "status 201": (whole(answer({"content": "Hi there"}), 201), HI),
    "choices empty": (whole({"choices": []}), "PROVIDER_BAD_RESPONSE"),
    "an error in 200": (whole({"error": {"message": "quota", "code": "insufficient_quota"}}), "PROVIDER_OUT_OF_CREDIT"),
    "status 202": (whole(answer({"content": "Hi there"}), 202), HI),
    "status 204": (Play(status=204, headers={"Content-Length": "0"}), "PROVIDER_BAD_RESPONSE"),
    "cut": (Play(pieces=[dumped(answer({"content": "Hi"}))[:30]], cut=True), "PROVIDER_UNAVAILABLE"),
    "silence": (Play(pieces=[b"{"], hang=True), "PROVIDER_TIMEOUT"),
    # Errors.
    "401": (error(401), "PROVIDER_UNAUTHENTICATED"),
    "402": (error(402, "Insufficient Balance"), "PROVIDER_OUT_OF_CREDIT"),
    "403": (error(403, "Country, region, or territory not supported"), "PROVIDER_FORBIDDEN"),
    "403 for a key": (error(403, "Incorrect API key: the api_key is invalid"), "PROVIDER_UNAUTHENTICATED"),
    "403 for credit": (error(403, "free quota used up", code="AllocationQuota.FreeTierOnly"), "PROVIDER_OUT_OF_CREDIT"),
    "403 by moderation": (error(403, "Your input was flagged"), "CONTENT_FILTERED"),
    "400 for credit": (
        error(400, "Access denied, please make sure your account is in good standing."),
        "PROVIDER_OUT_OF_CREDIT",
    ),
    "400 for a key": (error(400, "API key not valid. Please pass a valid API key."), "PROVIDER_UNAUTHENTICATED"),
    "400 by a filter": (error(400, "The response was filtered", code="content_filter"), "CONTENT_FILTERED"),
    "400 for a model": (error(400, "Model Not Exist"), "MODEL_NOT_FOUND"),
    "400 for length": (error(400, "prompt is too long: 9 tokens > 8 maximum"), "CONTEXT_TOO_LONG"),
    "400": (error(400, "temperature must be at most 2"), "PROVIDER_REJECTED"),
    "429": (error(429, "Rate limit reached"), "PROVIDER_RATE_LIMITED"),
    "429 for quota": (
        error(429, "You exceeded your current quota", code="insufficient_quota"),
        "PROVIDER_OUT_OF_CREDIT",
    ),
    "498": (error(498), "PROVIDER_UNAVAILABLE"),
    "413 in HTML": (whole(b"<html>Request Entity Too Large", 413), "CONTEXT_TOO_LONG"),
    "429 in HTML": (whole(b"<html>slow down", 429), "PROVIDER_RATE_LIMITED"),
    "451": (error(451, "unavailable for legal reasons"), "PROVIDER_FORBIDDEN"),
    "502 in HTML": (whole(b"<html>Bad Gateway</html>", 502), "PROVIDER_UNAVAILABLE"),
    "529": (error(529, "Overloaded"), "PROVIDER_UNAVAILABLE"),
    "404 in HTML": (whole(b"<html>404</html>", 404), "PROVIDER_BAD_RESPONSE"),
    "a redirect": (whole(b"", 307, Location="http://127.0.0.1:9/"), "PROVIDER_BAD_RESPONSE"),
}

CASES = [
    *(pytest.param(True, *case, id=f"streamed: {name}") for name, case in STREAMS.items()),
    *(pytest.param(False, *case, id=f"whole: {name}") for name, case in WHOLES.items()),
]


async def said(adapter: OpenAiChat, ask: ChatRequest, streamed: bool, timeout: float = 5) -> Said:
    """Return what an adapter makes of an answer."""
    if not streamed:
        got = await adapter.complete(ask, timeout)
        whole_calls = tuple((one.name, one.arguments) for one in got.tool_calls)
        assert all(one.id for one in got.tool_calls)
        return Said(got.text, got.reason, _counted(got.usage), got.reasoning, got.refusal, whole_calls)
    async with aclosing(adapter.stream(ask, timeout)) as stream:
        events = [event async for event in stream]
    *deltas, finish = events
    assert isinstance(finish, ChatFinish)
    pieces = [
        delta if isinstance(delta, ChatDelta) else ChatDelta(delta.text)
        for delta in deltas
        if not isinstance(delta, ChatFinish)
    ]
    assert len(pieces) == len(deltas)
    assert ChatDelta("") not in pieces
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for piece in (fragment for delta in pieces for fragment in delta.tool_calls):
        assert bool(piece.id) == (piece.index not in arguments)
        names[piece.index] = names.get(piece.index, "") + piece.name
        arguments[piece.index] = arguments.get(piece.index, "") + piece.arguments
    assert list(names) == list(range(len(names)))
    return Said(
        "".join(piece.text for piece in pieces),
        finish.reason,
        _counted(finish.usage),
        "".join(piece.reasoning for piece in pieces),
        "".join(piece.refusal for piece in pieces),
        tuple((names[index], arguments[index]) for index in names),
    )


def _counted(usage: TokenUsage | None) -> tuple[int, int] | None:
    return None if usage is None else (usage.prompt_tokens, usage.completion_tokens)


@pytest.mark.parametrize(("streamed", "play", "expected"), CASES)
async def test_what_a_provider_does(
    adapter: OpenAiChat, raw: RawProvider, streamed: bool, play: Play, expected: Said | str
) -> None:
    raw.plays.append(play)
    timeout = 0.3 if expected == "PROVIDER_TIMEOUT" else 30
    if isinstance(expected, Said):
        assert await said(adapter, ASK, streamed, timeout) == expected
        return
    with pytest.raises(TikuError) as caught:
        await said(adapter, ASK, streamed, timeout)
    assert caught.value.reason == expected
    assert not raw.plays


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"Retry-After": "7"}, "", 7.0),
        ({"Retry-After": "0.5"}, "", 0.5),
        ({"Retry-After": "20ms"}, "", 0.02),
        ({"retry-after-ms": "250", "Retry-After": "1"}, "", 0.25),
        ({"x-ratelimit-reset-requests": "1m30s"}, "", 90.0),
        ({}, "Please try again in 1.5s.", 1.5),
        ({}, "Please try again in 850ms.", 0.85),
        ({}, '"retryDelay": "37s"', 37.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, "", 1.0),
        ({"Retry-After": "soon"}, "", 1.0),
    ],
)
async def test_when_a_rate_limit_is_over(
    adapter: OpenAiChat, raw: RawProvider, headers: dict[str, str], message: str, seconds: float
) -> None:
    raw.plays.append(error(429, message, headers=headers))
    with pytest.raises(TikuError) as caught:
        await adapter.complete(ASK, 5)
    assert caught.value.retry_after == pytest.approx(seconds)


OK = whole(answer({"content": "Hi there"}))
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
REFUSED: dict[str, tuple[ChatRequest, str, list[dict[str, Any]], dict[str, Any], set[str]]] = {
    "max_tokens": (
        replace(ASK, max_tokens=9),
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        [{"param": "max_tokens", "code": "unsupported_parameter"}],
        {"max_completion_tokens": 9},
        {"max_tokens"},
    ),
    "temperature": (
        replace(ASK, temperature=0.3),
        "Unsupported value: 'temperature' does not support 0.3 with this model. Only the default (1) is supported.",
        [{}],
        {},
        {"temperature"},
    ),
    "seed": (
        replace(ASK, seed=7),
        '[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs"}]',
        [{}],
        {},
        {"seed"},
    ),
    "user": (replace(ASK, more={"user": "u"}), "property 'user' is unsupported", [{}], {}, {"user"}),
    "temperature beside thinking": (
        replace(ASK, temperature=0.3),
        "`temperature` may only be set to 1 when thinking is enabled.",
        [{}],
        {},
        {"temperature"},
    ),
    "temperature of one value": (
        replace(ASK, temperature=0.3),
        "invalid temperature: only 1 is allowed for this model",
        [{}],
        {},
        {"temperature"},
    ),
    "top_k": (replace(ASK, more={"top_k": 3}), 'Unknown name "top_k": Cannot find field.', [{}], {}, {"top_k"}),
    "verbosity": (
        replace(ASK, more={"verbosity": "low"}),
        "Unsupported parameter: 'verbosity'",
        [{}],
        {},
        {"verbosity"},
    ),
    "strict tools": (
        replace(ASK, tools=[{"type": "function", "function": {"name": "f", "strict": True}}]),
        "tools.0.custom.strict: Extra inputs are not permitted",
        [{}],
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        set(),
    ),
    "system": (
        replace(ASK, messages=(ChatMessage(Role.SYSTEM, "Be brief."), *ASK.messages)),
        "System role not supported",
        [{}],
        {"messages": [{"role": "user", "content": "Be brief.\n\nWhat is it?"}]},
        set(),
    ),
    "what was thought": (
        replace(ASK, messages=(*ASK.messages, ChatMessage(Role.ASSISTANT, "It.", reasoning="hm"), *ASK.messages)),
        '[{"type":"extra_forbidden","loc":["body","messages",1,"assistant","reasoning_content"],"msg":"Extra inputs"}]',
        [{}],
        {
            "messages": [
                {"role": "user", "content": "What is it?"},
                {"role": "assistant", "content": "It."},
                {"role": "user", "content": "What is it?"},
            ]
        },
        set(),
    ),
    "json_schema": (
        replace(ASK, output=OutputSchema("x", SCHEMA)),
        "This response_format type is unavailable now",
        [{}],
        {"response_format": {"type": "json_object"}},
        set(),
    ),
    "json_schema and json_object": (
        replace(ASK, output=OutputSchema("x", SCHEMA)),
        "response_format is not supported",
        [{}, {}],
        {},
        {"response_format"},
    ),
    "developer": (
        replace(ASK, messages=(ChatMessage(Role.DEVELOPER, "Be brief."), *ASK.messages)),
        "Unknown role: developer is not supported",
        [{}],
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is it?"}]},
        set(),
    ),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", REFUSED)
async def test_a_refused_parameter_is_done_without_and_remembered(
    adapter: OpenAiChat, raw: RawProvider, name: str, streamed: bool
) -> None:
    ask, message, errors, holds, lacks = REFUSED[name]
    ask = replace(ask, model=f"{name} {streamed}")
    raw.bodies.clear()
    raw.plays.extend([*(error(400, message, **members) for members in errors), OK, OK])
    for _ in range(2):
        assert await said(adapter, ask, streamed) == HI
    assert len(raw.bodies) == len(errors) + 2
    for body in raw.bodies[-2:]:
        assert {key: body.get(key) for key in holds} == holds
        assert not lacks & body.keys()
        if ask.output is not None:
            assert json.dumps(SCHEMA) in body["messages"][0]["content"]
    other = replace(ask, model="another")
    raw.plays.append(OK)
    await said(adapter, other, streamed)
    assert lacks <= raw.bodies[-1].keys()


async def test_stream_options_that_are_refused_are_left_out(adapter: OpenAiChat, raw: RawProvider) -> None:
    raw.plays.extend([error(400, "Unknown parameter: stream_options"), sse(*TWO, END)])
    assert await said(adapter, replace(ASK, model="no options"), True) == HI
    assert "stream_options" not in raw.bodies[-1]
    assert raw.bodies[-1]["stream"] is True


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (replace(ASK, max_tokens=999_999), "max_tokens is too large: 999999. This model supports at most 16384."),
        (replace(ASK, tools=[{"type": "function", "function": {"name": "f"}}]), "tools are not supported"),
        (replace(ASK, more={"logprobs": True}), "Unsupported parameter: 'logprobs'"),
    ],
)
async def test_what_would_change_the_answer_is_not_left_out(
    adapter: OpenAiChat, raw: RawProvider, ask: ChatRequest, message: str
) -> None:
    raw.plays.append(error(400, message))
    with pytest.raises(TikuError) as caught:
        await adapter.complete(ask, 5)
    assert caught.value.reason == "PROVIDER_REJECTED"


async def test_several_answers_are_kept_apart(adapter: OpenAiChat, raw: RawProvider) -> None:
    ask = replace(ASK, n=2)
    raw.plays.append(
        sse(
            text("A"),
            text("B", choice={"index": 1}),
            calls(call("a", '{"x": 1}', index=0)) | {},
            text("b", choice={"index": 1}),
            chunk({}, "length", choice={"index": 1}),
            chunk({}, "tool_calls"),
        )
    )
    async with aclosing(adapter.stream(ask, 5)) as stream:
        *deltas, finish = [event async for event in stream]
    assert finish == ChatFinish(CALLS, None, (LENGTH,))
    second = [delta.text for delta in deltas if isinstance(delta, ChatDelta) and delta.index == 1]
    assert second == ["B", "b"]
    two = {"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}, {"message": {"content": "B"}}]}
    raw.plays.append(whole(two))
    got = await adapter.complete(ask, 5)
    assert (got.text, [other.text for other in got.others]) == ("A", ["B"])
    assert raw.bodies[-1]["n"] == 2
