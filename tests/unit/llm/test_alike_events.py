"""Texts that are read between known bytes are those that parsing gives."""

from __future__ import annotations

import json
import random

import pytest

from services.llm.adapters.providers.alike_events import AlikeEvents
from services.llm.adapters.providers.openai_chat import _Stream

TOKENS = ["token ", "光合", "é", "\u2028", "a\tb", '"', "\\", "\n", "{", "}", "\ud83d\ude00", "tiku/probe", "", '","']
TELL = {"id": "1", "object": "chat.completion.chunk", "created": 1}


def _event(token: str, created: int = 1, **more: object) -> bytes:
    choice = {"index": 0, "delta": {"content": token, **more}, "finish_reason": None}
    body = json.dumps({**TELL, "created": created, "choices": [choice]}, ensure_ascii="\ud83d" in token)
    return f"data: {body}\n\n".encode()


def _said(pieces: list[bytes], *, alike: bool = True) -> tuple[str, str, int, object]:
    stream = _Stream(1)
    if not alike:
        stream._alike._tries = 0
    deltas = [delta for piece in pieces for delta in stream.feed(piece)] + [*stream.close()]
    text = "".join(delta.text for delta in deltas)
    reasoning = "".join(getattr(delta, "reasoning", "") for delta in deltas)
    return text, reasoning, sum(delta.pieces for delta in deltas), stream.finish()


@pytest.mark.parametrize("seed", range(60))
def test_whatever_comes_is_read_like_events_that_are_parsed(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - what a test draws is no secret
    events = [_event("", role="assistant")]
    for number in range(60):
        token, kind = dice.choice(TOKENS), dice.random()
        if kind < 0.05:
            events.append(_event(token, reasoning_content="hm"))
        elif kind < 0.1:
            events.append(b'data: {"choices": [], "content": "no", "usage": null}\n\n')
        elif kind < 0.15:
            events.append(b": still here\n\n")
        else:
            events.append(_event(token, created=number // 20))
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    last = {**TELL, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage}
    events.append(f"data: {json.dumps(last)}\n\ndata: [DONE]\n\n".encode())
    body = b"".join(events)
    at_events = dice.random() < 0.5
    cuts = sorted(dice.sample(range(1, len(events)), 12) if at_events else dice.sample(range(1, len(body)), 12))
    ends = [len(b"".join(events[:cut])) for cut in cuts] if at_events else cuts
    pieces = [body[start:end] for start, end in zip([0, *ends], [*ends, len(body)], strict=True)]
    assert _said(pieces) == _said(pieces, alike=False)


def test_alike_events_are_read_together_up_to_the_first_that_is_not() -> None:
    alike = AlikeEvents()
    assert alike.read(_event("a")) == ([], _event("a"))
    alike.learn(_event("a")[6:-2])
    other = _event("x", reasoning_content="y")
    assert alike.read(_event("a") + _event("b")) == (["a", "b"], b"")
    assert alike.read(_event("a") + other + _event("b")) == (["a"], other + _event("b"))
    assert alike.read(_event("a") + _event('"') + _event("b")) == (["a"], _event('"') + _event("b"))
    assert alike.read(_event("a") + _event("b")[:-3]) == (["a"], _event("b")[:-3])
    assert alike.read(_event("a", created=2)) == ([], _event("a", created=2))


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices": [{"index": 1, "delta": {"content": "a"}}]}',
        b'{"content": "a", "choices": [{"index": 0, "delta": {"content": "b"}}]}',
        b'{"choices": [{"index": 0, "delta": {"content": "b", "content": "a"}}]}',
        b'{"choices": [{"index": 0, "delta": {"content": "a", "refusal": "b"}}]}',
        b'{"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}',
        b'{"choices": [{"index": 0, "delta": {"content": "a\\"b"}}]}',
        b'{"choices": [{"index": 0, "delta": {"content": "a',
        b'"content": "a"',
        b"[DONE]",
    ],
)
def test_nothing_is_learned_from_an_event_that_does_more_than_add_the_text(data: bytes) -> None:
    alike = AlikeEvents()
    alike.learn(data)
    assert alike.read(b"data: " + data + b"\n\n")[0] == []
