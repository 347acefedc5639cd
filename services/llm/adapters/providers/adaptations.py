"""What models refuse of a request that others take, and what they get in its place."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from services.llm.domain.faults import CONTEXT_WORDS

Body = dict[str, Any]

logger = logging.getLogger(__name__)

_REFUSED = re.compile(
    r"unsupported|not (be )?(supported|permitted|allowed|available|recognized|compatible|implemented)|n't support"
    r"|does(n't| not) (support|accept|allow)|unavailable|unknown|unrecognized|unexpected|extra (inputs|fields)"
    r"|extra_forbidden|invalid (parameter|param|argument|field)|deprecated|only (the )?default|no longer|不支持"
    r"|only be set|only \S+ is allowed|not enabled|both be|cannot find",
    re.IGNORECASE,
)
"""Words that refuse a parameter as such; a value that is too large is the caller's to mend."""


def _without(*names: str) -> Callable[[Body], Body]:
    return lambda body: {name: value for name, value in body.items() if name not in names}


def _renamed(body: Body) -> Body:
    return {"max_completion_tokens" if name == "max_tokens" else name: value for name, value in body.items()}


def _object(body: Body) -> Body:
    """Return a request for any JSON object, with the schema in words."""
    return _told(body) | {"response_format": {"type": "json_object"}}


def _words_alone(body: Body) -> Body:
    """Return a request for text, with what is wanted in words."""
    return _without("response_format")(_told(body))


def _told(body: Body) -> Body:
    """Return a request whose messages say that JSON is wanted."""
    wanted = body.get("response_format") or {}
    words = "Answer with one JSON object and nothing else."
    if isinstance(schema := (wanted.get("json_schema") or {}).get("schema"), Mapping):
        words += f" It has to match this JSON Schema: {json.dumps(schema, ensure_ascii=False, default=dict)}"
    messages = list(body["messages"])
    if any(words.split(" It ")[0] in str(message.get("content")) for message in messages):
        return body
    first = messages[0] if messages else {}
    if first.get("role") in ("system", "developer") and isinstance(first.get("content"), str):
        messages[0] = {**first, "content": f"{first['content']}\n\n{words}"}
    else:
        messages.insert(0, {"role": "system", "content": words})
    return body | {"messages": messages}


def _developer_as_system(body: Body) -> Body:
    return body | {
        "messages": [
            {**message, "role": "system"} if message.get("role") == "developer" else message
            for message in body["messages"]
        ]
    }


def _without_system(body: Body) -> Body:
    """Return a request whose instructions stand before the first words of the user."""
    told = [message for message in body["messages"] if message.get("role") in ("system", "developer")]
    others = [message for message in body["messages"] if message not in told]
    first = next((place for place, message in enumerate(others) if message.get("role") == "user"), None)
    words = [part for message in told for part in _parts(message["content"])]
    if first is None:
        return body | {"messages": [{"role": "user", "content": _content(words)}, *others]}
    asked = others[first]
    others[first] = {**asked, "content": _content([*words, *_parts(asked["content"])])}
    return body | {"messages": others}


def _parts(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())


def _content(parts: list[Any]) -> Any:
    """Return parts as a content; as one text where they are texts, which every provider takes."""
    if all(isinstance(part, Mapping) and part.keys() == {"type", "text"} for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def _without_thoughts(body: Body) -> Body:
    """Return a request whose earlier answers are told without what the model thought."""
    told = [{name: value for name, value in one.items() if name != "reasoning_content"} for one in body["messages"]]
    return body | {"messages": told}


def _loose_tools(body: Body) -> Body:
    """Return a request that does not say whether arguments have to match exactly."""
    tools = []
    for tool in body["tools"]:
        function = tool.get("function")
        if isinstance(function, Mapping):
            tool = {**tool, "function": {name: value for name, value in function.items() if name != "strict"}}
        tools.append(tool)
    return body | {"tools": tools}


_STEPS: Mapping[str, Callable[[Body], Body]] = {
    "max_tokens": _renamed,
    "json_schema": _object,
    "json_object": _words_alone,
    "developer": _developer_as_system,
    "system": _without_system,
    "reasoning_content": _without_thoughts,
    "strict": _loose_tools,
    **{
        name: _without(name)
        for name in (
            "temperature",
            "top_p",
            "seed",
            "presence_penalty",
            "frequency_penalty",
            "top_k",
            "min_p",
            "parallel_tool_calls",
            "reasoning_effort",
            "verbosity",
            "prediction",
            "stream_options",
            "user",
            "metadata",
            "store",
            "service_tier",
            "safety_identifier",
            "prompt_cache_key",
            "prompt_cache_retention",
        )
    },
}
"""What is done about each refusal. What would change the answer's meaning, such as tools, is not left out."""


class Adaptations:
    """Remembers for each model of a provider what it refuses, so that it is asked so once."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._steps: dict[str, list[str]] = {}

    def adapted(self, body: Body) -> Body:
        """Return a request as its model takes it, as far as is known."""
        for step in self._steps.get(body["model"], ()):
            if step in _refusable(body):
                body = _STEPS[step](body)
        return body

    def learn(self, body: Body, status: int, told: bytes) -> bool:
        """Return whether a model refused a part of the request that it can do without, and remember it."""
        if status not in (400, 422) or CONTEXT_WORDS.search(told):
            return False
        words = told.decode("utf-8", "replace")
        if not _REFUSED.search(words):
            return False
        step = _named(words, _refusable(body))
        if step is None:
            return False
        known = self._steps.setdefault(body["model"], [])
        if step not in known:
            known.append(step)
            logger.info("provider %s, model %s: does without %s from now on", self._provider, body["model"], step)
        return True


def _refusable(body: Body) -> dict[str, re.Pattern[str]]:
    """Return what of a request a model may refuse, each with the words that name it."""
    names = {name: _word(name) for name in _STEPS if name in body}
    kind = (body.get("response_format") or {}).get("type")
    if kind in ("json_schema", "json_object"):
        names[kind] = _word(f"response_format|{kind}|structured[ _]outputs?")
    roles = {message.get("role") for message in body["messages"]}
    if "developer" in roles:
        names["developer"] = _word("developer")
    elif "system" in roles:
        names["system"] = _word("(system|developer) (role|message|prompt|instruction)s?|role.{0,20}system")
    if any("reasoning_content" in message for message in body["messages"]):
        names["reasoning_content"] = _word("reasoning_content")
    if any("strict" in (tool.get("function") or {}) for tool in body.get("tools", ())):
        names["strict"] = _word("strict")
    return names


def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z_])(?:{pattern})(?![A-Za-z_])", re.IGNORECASE)


def _named(words: str, candidates: Mapping[str, re.Pattern[str]]) -> str | None:
    """Return the candidate that an error is about: its `param`, else the one that it names first."""
    try:
        error = json.loads(words)
        error = error.get("error", error) if isinstance(error, dict) else {}
        param = error.get("param") if isinstance(error, dict) else None
    except ValueError:
        param = None
    for text in (param, words):
        if not isinstance(text, str):
            continue
        places = {step: found.start() for step, pattern in candidates.items() if (found := pattern.search(text))}
        if places:
            return min(places, key=lambda step: places[step])
    return None
