"""The items of a request: what was said, called and returned so far, as the messages of a chat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.openai_api.errors import refused, unsupported

Told = tuple[dict[str, Any], str]
"""A message in the form of chats, and the path of the item that it came from."""

_NOT_KEPT = "names what an earlier answer had, and nothing is kept here: send the item itself (store: false)"
_CALLS = {"function_call": ("function", "arguments"), "custom_tool_call": ("custom", "input")}
_RESULTS = ("function_call_output", "custom_tool_call_output")


def messages_of(given: Any, instructions: str) -> list[Told]:
    """Return the messages that instructions and `input` stand for.

    Raises:
        ProblemError: an item breaks a rule, or is of a kind that is not served.
    """
    told: list[Told] = [({"role": "system", "content": instructions}, "instructions")] if instructions else []
    if isinstance(given, str):
        return [*told, ({"role": "user", "content": given}, "input")]
    if not isinstance(given, list) or not given:
        raise refused("input", "must be a string or a list of at least one item")
    items = _Items(told)
    for index, item in enumerate(given):
        items.add(item, f"input[{index}]")
    return items.told


class _Items:
    """Makes messages of items: what one answer said, called and thought are items of their own there."""

    def __init__(self, told: list[Told]) -> None:
        self.told = told
        self._thought: str | None = None

    def add(self, item: Any, path: str) -> None:
        """Take one item."""
        if not isinstance(item, dict):
            raise refused(path, "must be an object", code="invalid_type")
        kind = item.get("type") or "message"
        if kind == "message":
            self._add_message(item, path)
        elif kind in _CALLS:
            self._add_call(item, *_CALLS[kind], path)
        elif kind in _RESULTS:
            content = _content(item.get("output"), f"{path}.output")
            self._add({"role": "tool", "tool_call_id": _text(item, "call_id", path), "content": content}, path)
        elif kind == "reasoning":
            self._thought = _thought(item)
        elif kind == "item_reference":
            raise unsupported(path, _NOT_KEPT)
        else:
            raise unsupported(f"{path}.type", "is no kind of item that is served here")

    def _add_message(self, item: Mapping[str, Any], path: str) -> None:
        role, content = item.get("role"), _content(item.get("content"), f"{path}.content")
        message: dict[str, Any] = {"role": role, "content": content}
        if isinstance(content, list):
            refusals = [part["refusal"] for part in content if part["type"] == "refusal"]
            if refusals:
                message["content"] = [part for part in content if part["type"] != "refusal"] or None
                message["refusal"] = "\n".join(refusals)
        self._add(message, path)

    def _add_call(self, item: Mapping[str, Any], kind: str, argument: str, path: str) -> None:
        called = {"name": _text(item, "name", path), argument: _text(item, argument, path)}
        call = {"id": _text(item, "call_id", path), "type": kind, kind: called}
        last = self.told[-1][0] if self.told else {}
        if last.get("role") == "assistant" and self._thought is None:
            last.setdefault("tool_calls", []).append(call)
        else:
            self._add({"role": "assistant", "content": None, "tool_calls": [call]}, path)

    def _add(self, message: dict[str, Any], path: str) -> None:
        if message["role"] == "assistant" and self._thought is not None:
            message["reasoning_content"] = self._thought
        self._thought = None
        self.told.append((message, path))


def _content(given: Any, path: str) -> Any:
    """Return a content with its parts in the form of chats."""
    if given is None or isinstance(given, str):
        return given or ""
    if not isinstance(given, list):
        raise refused(path, "must be a string or a list of parts", code="invalid_type")
    return [_part(part, f"{path}[{index}]") for index, part in enumerate(given)]


def _part(part: Any, path: str) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise refused(path, "must be an object", code="invalid_type")
    made_of = _PARTS.get(str(part.get("type")))
    if made_of is None:
        raise unsupported(f"{path}.type", "is no kind of part that is served here")
    return made_of(part, path)


def _text_part(part: Mapping[str, Any], path: str) -> dict[str, Any]:
    return {"type": "text", "text": _text(part, "text", path)}


def _refusal(part: Mapping[str, Any], path: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": _text(part, "refusal", path)}


def _image(part: Mapping[str, Any], path: str) -> dict[str, Any]:
    image = {"url": _text(part, "image_url", path)}
    if part.get("detail"):
        image["detail"] = _text(part, "detail", path)
    return {"type": "image_url", "image_url": image}


def _file(part: Mapping[str, Any], path: str) -> dict[str, Any]:
    if part.get("file_url"):
        raise unsupported(f"{path}.file_url", "is not fetched here: send file_data")
    return {
        "type": "file",
        "file": {name: part[name] for name in ("file_id", "filename", "file_data") if part.get(name)},
    }


def _audio(part: Mapping[str, Any], path: str) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": part.get("input_audio")}


_PARTS: Mapping[str, Callable[[Mapping[str, Any], str], dict[str, Any]]] = {
    "input_text": _text_part,
    "output_text": _text_part,
    "text": _text_part,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}


def _thought(item: Mapping[str, Any]) -> str | None:
    """Return what an earlier answer was thought with; None where the item does not say it."""
    parts = [*(item.get("content") or ()), *(item.get("summary") or ())]
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "\n".join(texts) if texts else None


def _text(given: Mapping[str, Any], name: str, path: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise refused(f"{path}.{name}", "must be a string", code="invalid_type")
    return value
