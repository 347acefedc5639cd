"""The events of a streamed response: its items begin, grow and end, each event with a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.exchange import Exchange
from gateway.openai_api.chat import broken, logprobs_of
from gateway.openai_api.errors import error_body
from gateway.openai_api.responses import response as r
from gateway.problems import ProblemError
from tiku.llm.v1 import llm_pb2


@dataclass(slots=True)
class _Open:
    """An item that grows."""

    index: int
    item: dict[str, Any]
    parts: list[dict[str, Any]] = field(default_factory=list)
    """Of a message or of what was thought; none of a call."""

    @property
    def place(self) -> dict[str, Any]:
        return {"item_id": self.item["id"], "output_index": self.index}


class Events:
    """Turns the events of one streamed answer into those of a response."""

    def __init__(self, envelope: r.Envelope) -> None:
        self._envelope = envelope
        self._number = 0
        self._output: list[dict[str, Any]] = []
        self._said: _Open | None = None
        """The message or thought that grows."""
        self._calls: dict[int, _Open] = {}
        self._written: list[bytes] = []

    def encode(self, raw: bytes) -> bytes:
        """Return what one event of the answer says."""
        event = llm_pb2.StreamChatResponse.FromString(raw)
        if event.WhichOneof("event") == "finish":
            return self._finished(event.finish)
        if not self._number:
            self._begin()
        piece = event.delta
        if not piece.index:
            self._grow(piece)
        return self._taken()

    def failed(self, _: Exchange, problem: ProblemError) -> bytes:
        """Return the end of an answer that went wrong."""
        error = error_body(problem)["error"]
        self._write("response.failed", response=self._envelope.failed(self._output, error))
        return self._taken()

    def _finished(self, finish: llm_pb2.ChatFinish) -> bytes:
        if not self._number:
            self._begin()
        self._envelope.model = finish.model or self._envelope.model
        if not self._said and not self._calls:
            self._say("message", r.text_part(""))
        self._end_said()
        for call in self._calls.values():
            self._end_call(call)
        if finish.schema_check.broken_rules:
            error = error_body(broken(finish.schema_check))["error"]
            self._write("response.failed", response=self._envelope.failed(self._output, error))
            return self._taken()
        ended = self._envelope.ended(self._output, finish.finish_reason, finish.usage)
        self._write(f"response.{ended['status']}", response=ended)
        return self._taken()

    def _begin(self) -> None:
        begun = self._envelope.begun()
        self._write("response.created", response=begun)
        self._write("response.in_progress", response=begun)

    def _grow(self, piece: llm_pb2.ChatDelta) -> None:
        if piece.reasoning:
            place, part = self._say("reasoning", r.summary_part(""))
            part["text"] += piece.reasoning
            self._write("response.reasoning_summary_text.delta", **place, delta=piece.reasoning)
        if piece.text:
            place, part = self._say("message", r.text_part(""))
            part["text"] += piece.text
            logprobs = (logprobs_of(piece) or {}).get("content") or []
            part["logprobs"].extend(logprobs)
            self._write("response.output_text.delta", **place, delta=piece.text, logprobs=logprobs)
        if piece.refusal:
            place, part = self._say("message", r.refusal_part(""))
            part["refusal"] += piece.refusal
            self._write("response.refusal.delta", **place, delta=piece.refusal)
        for call in piece.tool_calls.pieces:
            self._call(call)

    def _say(self, kind: str, part: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the place of a part and the part, of the item that grows where it is of this kind, or of a new one."""
        said = self._said
        if said is None or said.item["type"] != kind:
            self._end_said()
            item = r.message_item([], "in_progress") if kind == "message" else r.reasoning_item("", "in_progress")
            said = self._said = self._add(item)
        if not said.parts or said.parts[-1]["type"] != part["type"]:
            said.parts.append(part)
            self._write(_ADDED[kind], **_part_place(said), part=part)
        return _part_place(said), said.parts[-1]

    def _end_said(self) -> None:
        said, self._said = self._said, None
        if said is None:
            return
        kind = said.item["type"]
        for index, part in enumerate(said.parts):
            place = _part_place(said, index)
            name, member = _DONE[part["type"]]
            more = {"logprobs": part["logprobs"]} if "logprobs" in part else {}
            self._write(name, **place, **{member: part[member]}, **more)
            self._write(_ADDED[kind].replace("added", "done"), **place, part=part)
        said.item["content" if kind == "message" else "summary"] = said.parts
        self._done(said)

    def _call(self, piece: llm_pb2.ToolCallDelta) -> None:
        self._end_said()
        call = self._calls.get(piece.index)
        if call is None:
            item = r.call_item(piece.id, piece.name, custom=piece.custom, status="in_progress")
            call = self._calls[piece.index] = self._add(item)
        else:
            call.item["name"] += piece.name
        if piece.arguments:
            name, argument = _CALLED[call.item["type"]]
            call.item[argument] += piece.arguments
            self._write(f"response.{name}.delta", **call.place, delta=piece.arguments)

    def _end_call(self, call: _Open) -> None:
        name, argument = _CALLED[call.item["type"]]
        self._write(f"response.{name}.done", **call.place, name=call.item["name"], **{argument: call.item[argument]})
        self._done(call)

    def _add(self, item: dict[str, Any]) -> _Open:
        opened = _Open(len(self._output), item)
        self._output.append(item)
        self._write("response.output_item.added", output_index=opened.index, item=item)
        return opened

    def _done(self, ended: _Open) -> None:
        if "status" in ended.item:
            ended.item["status"] = "completed"
        self._write("response.output_item.done", output_index=ended.index, item=ended.item)

    def _write(self, kind: str, **members: Any) -> None:
        data = {"type": kind, "sequence_number": self._number, **members}
        self._number += 1
        self._written.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(data)))

    def _taken(self) -> bytes:
        written = b"".join(self._written)
        self._written.clear()
        return written


_ADDED = {"message": "response.content_part.added", "reasoning": "response.reasoning_summary_part.added"}
_DONE = {
    "output_text": ("response.output_text.done", "text"),
    "refusal": ("response.refusal.done", "refusal"),
    "summary_text": ("response.reasoning_summary_text.done", "text"),
}
_CALLED = {
    "function_call": ("function_call_arguments", "arguments"),
    "custom_tool_call": ("custom_tool_call_input", "input"),
}
"""The events of a call, and what it is called with."""


def _part_place(said: _Open, index: int = -1) -> dict[str, Any]:
    """Return where a part stands, the last one unless an index is given."""
    name = "content_index" if said.item["type"] == "message" else "summary_index"
    return {**said.place, name: index if index >= 0 else len(said.parts) - 1}
