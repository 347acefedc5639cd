"""An OpenAI-compatible chat provider that answers Tiku's own prompts from the text in them, without a model.

    python scripted_provider.py PORT

It stands on aiohttp alone, so that it runs in any container of the image. What it writes is sound but dull: a
question is built from the sentence that the prompt asks about, an answer is the sentence of the passages that shares
most with the question, a grading awards every rubric point that the learner's answer shares words with.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from aiohttp import web

MODEL = "scripted"
_PIECE_CHARACTERS = 24
_PIECE_SECONDS = 0.002
_SPARE = {True: ("花岗岩", "小提琴", "藏红花"), False: ("granite", "violin", "saffron")}
"""Wrong options, in Chinese or not, for material that has too few other terms."""
_TERM = re.compile(r"[A-Za-z]{5,}|[\u3400-\u9fff]{2,4}")
_LISTED = re.compile(
    r"([\u3400-\u9fff]{2,4})(?:、|和|与)([\u3400-\u9fff]{2,4})|([A-Za-z-]{3,})(?:, and|, or|,| and| or) (?:the |an? )?"
    r"([A-Za-z-]{3,})"
)
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]")
_FOCUS = re.compile(r"^(?:Ask about this sentence: |请考查这句话：)(.+)$", re.MULTILINE)
_MATERIAL = re.compile(r"^(?:Material:|材料：)\n(.*?)\n\n", re.DOTALL)
_QUESTION = re.compile(r"^(?:Question: |问题：)(.+)$", re.MULTILINE)
_PASSAGE = re.compile(r"^\[(\d+)\] (.*?)(?=^\[\d+\] |^Question: |^问题：|\Z)", re.MULTILINE | re.DOTALL)


class Assistant:
    """What the assistant says; it remembers the questions that it wrote, to answer them itself."""

    def __init__(self) -> None:
        self._written: dict[str, dict[str, Any]] = {}

    def reply(self, messages: list[dict[str, Any]], schema_name: str, fields: Iterable[str]) -> str:
        """The answer to a prompt of `services/*/domain/prompts`."""
        prompt = str(messages[-1]["content"])
        if schema_name == "short_answer_grade":
            return _json(graded(json.loads(prompt)))
        if schema_name == "key_verification":
            return _json({"answer": self._confirmed(prompt)})
        if schema_name:
            made = question(schema_name, prompt, false="original" in fields)
            self._written[made.get("stem", made["quote"])] = made
            return _json(made)
        return answer(prompt)

    def _confirmed(self, prompt: str) -> Any:
        """The key of the question in the prompt."""
        asked = prompt.rpartition("\n\n")[2]
        made = self._written[max((stem for stem in self._written if stem in asked), key=len)]
        options = re.findall(r"^([A-Z])\. (.+)$", prompt, re.MULTILINE)
        if "distractors" in made:
            return next(letter for letter, text in options if text == made["answer"])
        if "correct" in made:
            return [letter for letter, text in options if text in made["correct"]]
        if "rubric" in made:
            return next(letter for letter, text in options if text in made["quote"])
        return made.get("answer", True)


def answer(prompt: str) -> str:
    """The sentence of the passages that shares most with the question, and its passage's number."""
    asked = _bigrams("".join(_QUESTION.findall(prompt)[-1:]))
    said = [
        (len(asked & _bigrams(sentence)), sentence.strip(), number)
        for number, text in _PASSAGE.findall(prompt)
        for sentence in _SENTENCE.findall(text)
    ]
    if not said:
        return "NOT_IN_MATERIAL"
    _, sentence, number = max(said)
    return f"{sentence} [{number}]"


def question(kind: str, prompt: str, *, false: bool) -> dict[str, Any]:
    """A question of the kind that the schema is named after, about the sentence in focus; a statement is to be made
    `false` or not."""
    found = _MATERIAL.search(prompt)
    material = found[1] if found else prompt
    focused = _FOCUS.search(prompt)
    quote = focused[1].strip() if focused else (_SENTENCE.findall(material) or [material])[0].strip()
    inside = _terms(quote)
    outside = [term for term in _terms(material) if term.casefold() not in quote.casefold()]
    term = next((t for t in inside if quote.casefold().count(t.casefold()) == 1), inside[0])
    chinese = bool(re.search(r"[\u3400-\u9fff]", quote))
    outside += _SPARE[chinese]
    gapped = quote.replace(term, "____", 1)
    made: dict[str, Any] = {"quote": quote, "explanation": quote}
    match kind:
        case "single_choice":
            made["stem"] = f"哪个词可以填入“{gapped}”？" if chinese else f"Which word completes this: {gapped}"
            made |= {"answer": term, "distractors": outside[:3]}
        case "multiple_choice":
            listed = _LISTED.search(quote)
            right = [item for item in listed.groups() if item] if listed else inside[:2]
            rest = quote.replace(right[0], "____", 1).replace(right[1], "____", 1)
            made["stem"] = f"哪些词可以填入“{rest}”？（多选）" if chinese else f"{rest} Choose all that apply."
            made |= {"correct": right, "wrong": outside[:2]}
        case "true_false":
            made = {"quote": quote}
            if false:
                other = next((new for new in outside if not set(new[:5]) & set(term)), "none")
                made |= {"original": term, "changed": other}
            else:
                made["stem"] = quote
        case "fill_in_the_blank":
            made |= {"stem": gapped, "answer": term}
        case _:
            made["stem"] = f"“{term}”是怎么回事？" if chinese else f"What do you know about the word {term}?"
            made |= {"reference": quote, "rubric": inside[:2] if len(inside) > 1 else [term, quote]}
    return made


def graded(task: dict[str, Any]) -> dict[str, Any]:
    """All points of what the answer shares words with, and none of the rest."""
    given = str(task["answer"]).strip()
    results = []
    for point in task["rubric"]:
        met = bool(_bigrams(point["point"]) & _bigrams(given))
        results.append({"evidence": given if met else "", "points": point["max_points"] if met else 0})
    return {"results": results, "feedback": "Compared word for word. 逐字比较。"}


def _terms(text: str) -> list[str]:
    """The terms of a text, each once, long ones first."""
    return sorted({term.casefold(): term for term in _TERM.findall(text)}.values(), key=len, reverse=True)


def _bigrams(text: str) -> set[str]:
    plain = re.sub(r"\W+", "", text).casefold()
    return {plain[i : i + 2] for i in range(len(plain) - 1)}


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


_ASSISTANT = web.AppKey("assistant", Assistant)


async def chat(request: web.Request) -> web.StreamResponse:
    """POST /v1/chat/completions, whole or as server-sent events."""
    body = await request.json()
    schema = (body.get("response_format") or {}).get("json_schema") or {}
    fields = (schema.get("schema") or {}).get("properties") or {}
    text = request.app[_ASSISTANT].reply(body["messages"], str(schema.get("name") or ""), fields)
    usage = {"prompt_tokens": len(str(body["messages"])) // 4, "completion_tokens": len(text) // 4 + 1}
    usage["total_tokens"] = sum(usage.values())
    head = {"id": "chatcmpl-scripted", "created": int(time.time()), "model": MODEL}
    if not body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return web.json_response({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for delta, finish in _pieces(text):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        await _send(response, {**head, "object": "chat.completion.chunk", "choices": [choice]})
        await asyncio.sleep(_PIECE_SECONDS)
    await _send(response, {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    await response.write(b"data: [DONE]\n\n")
    return response


def _pieces(text: str) -> Iterator[tuple[dict[str, str], str | None]]:
    for start in range(0, len(text), _PIECE_CHARACTERS):
        yield {"content": text[start : start + _PIECE_CHARACTERS]}, None
    yield {}, "stop"


async def _send(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(f"data: {_json(event)}\n\n".encode())


async def models(_: web.Request) -> web.Response:
    """GET /v1/models."""
    return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model"}]})


def main() -> None:
    """Serves until SIGTERM."""
    app = web.Application()
    app[_ASSISTANT] = Assistant()
    app.add_routes([web.post("/v1/chat/completions", chat), web.get("/v1/models", models)])
    web.run_app(app, port=int(sys.argv[1]), print=None)


if __name__ == "__main__":
    main()
