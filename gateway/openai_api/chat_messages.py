"""The messages of a chat request, from OpenAI's form."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from gateway.openai_api.errors import refused
from gateway.openai_api.structs import struct_of
from tiku.llm.v1 import llm_pb2

_ROLES = {
    "system": llm_pb2.ROLE_SYSTEM,
    "developer": llm_pb2.ROLE_DEVELOPER,
    "user": llm_pb2.ROLE_USER,
    "assistant": llm_pb2.ROLE_ASSISTANT,
    "tool": llm_pb2.ROLE_TOOL,
}
_TEXTS = {"name": "name", "tool_call_id": "tool_call_id", "refusal": "refusal", "reasoning_content": "reasoning"}
"""Members of a message that are texts, and their fields."""
_OWN = {"role", "content", "tool_calls", "function_call", *_TEXTS}


def messages_of(parameters: Mapping[str, Any]) -> list[llm_pb2.ChatMessage]:
    """Return the messages of a request.

    Raises:
        ProblemError: one breaks a rule.
    """
    given = parameters.get("messages")
    if given is None:
        raise refused("messages", "is required", code="missing_required_parameter")
    if not isinstance(given, list) or not given:
        raise refused("messages", "must be a list of at least one message")
    return [message_of(item, f"messages[{index}]") for index, item in enumerate(given)]


def message_of(item: Any, path: str) -> llm_pb2.ChatMessage:
    """Return a message, which stands at `path` of the request.

    Raises:
        ProblemError: it breaks a rule.
    """
    if not isinstance(item, dict):
        raise refused(path, "must be an object", code="invalid_type")
    role = item.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise refused(f"{path}.role", "must be system, developer, user, assistant or tool")
    message = llm_pb2.ChatMessage(role=_ROLES[role])
    content = item.get("content")
    if content is not None or role != "assistant":
        _set_content(message, content, f"{path}.content")
    for name, field in _TEXTS.items():
        if (text := item.get(name)) is not None:
            setattr(message, field, _text(text, f"{path}.{name}"))
    if calls := item.get("tool_calls"):
        message.tool_calls.extend(_tool_calls(calls, f"{path}.tool_calls"))
    _set_extra(message, item, _OWN, path)
    return message


def _set_content(message: llm_pb2.ChatMessage, content: Any, path: str) -> None:
    """Set what is said; parts of text alone are joined by line feeds, which every provider takes."""
    if isinstance(content, str):
        message.content = content
        return
    if not isinstance(content, list) or not content:
        raise refused(path, "must be a string or a list of parts", code="invalid_type")
    parts = [_part(part, f"{path}[{index}]") for index, part in enumerate(content)]
    if all(part.WhichOneof("part") == "text" and not part.HasField("extra") for part in parts):
        message.content = "\n".join(part.text for part in parts)
    else:
        message.parts.extend(parts)


def _part(part: Any, path: str) -> llm_pb2.ContentPart:
    if not isinstance(part, dict):
        raise refused(path, "must be an object", code="invalid_type")
    kind = part.get("type")
    if not isinstance(kind, str):
        raise refused(f"{path}.type", "must be a string", code="invalid_type")
    if kind not in _PARTS:
        return llm_pb2.ContentPart(other=struct_of(part, path))
    member, made_of = _PARTS[kind]
    made = made_of(part.get(member), f"{path}.{member}")
    if made is None:  # It says more than the contract has words for.
        return llm_pb2.ContentPart(other=struct_of(part, path))
    _set_extra(made, part, {"type", member}, path)
    return made


def _text_part(text: Any, path: str) -> llm_pb2.ContentPart:
    return llm_pb2.ContentPart(text=_text(text, path))


def _image(given: Any, path: str) -> llm_pb2.ContentPart | None:
    image = {"url": given} if isinstance(given, str) else given
    url = image.get("url") if isinstance(image, dict) else None
    if not isinstance(url, str) or not url:
        raise refused(path, "must hold an address in url")
    made = _only_texts(llm_pb2.ImagePart, image, {"url", "detail"})
    return made and llm_pb2.ContentPart(image=made)


def _audio(given: Any, path: str) -> llm_pb2.ContentPart | None:
    if not isinstance(given, dict) or not isinstance(given.get("data"), str) or not given["data"]:
        raise refused(path, "must hold base64 in data")
    made = _only_texts(llm_pb2.AudioPart, given, {"data", "format"})
    return made and llm_pb2.ContentPart(audio=made)


def _file(given: Any, path: str) -> llm_pb2.ContentPart | None:
    if not isinstance(given, dict):
        raise refused(path, "must be an object", code="invalid_type")
    made = _only_texts(llm_pb2.FilePart, given, {"file_id", "filename", "file_data"})
    return made and llm_pb2.ContentPart(file=made)


_PARTS: Mapping[str, tuple[str, Callable[[Any, str], llm_pb2.ContentPart | None]]] = {
    "text": ("text", _text_part),
    "image_url": ("image_url", _image),
    "input_audio": ("input_audio", _audio),
    "file": ("file", _file),
}


def _only_texts(kind: Any, given: Mapping[str, Any], known: Collection[str]) -> Any:
    """Return a message with the texts of an object; None where the object holds anything else."""
    members = {name: value for name, value in given.items() if value is not None}
    if not members.keys() <= set(known) or not all(isinstance(value, str) for value in members.values()):
        return None
    return kind(**members)


def _tool_calls(given: Any, path: str) -> list[llm_pb2.ToolCall]:
    if not isinstance(given, list):
        raise refused(path, "must be a list", code="invalid_type")
    return [_tool_call(call, f"{path}[{index}]") for index, call in enumerate(given)]


def _tool_call(given: Any, path: str) -> llm_pb2.ToolCall:
    if not isinstance(given, dict):
        raise refused(path, "must be an object", code="invalid_type")
    custom = given.get("type") == "custom"
    kind, argument = ("custom", "input") if custom else ("function", "arguments")
    called = given.get(kind)
    if not isinstance(called, dict):
        raise refused(f"{path}.{kind}", "must be an object", code="invalid_type")
    call = llm_pb2.ToolCall(
        id=_text(given.get("id") or "", f"{path}.id"),
        name=_text(called.get("name"), f"{path}.{kind}.name"),
        arguments=_text(called.get(argument) or "", f"{path}.{kind}.{argument}"),
        custom=custom,
    )
    _set_extra(call, given, {"id", "type", "index", kind}, path)
    return call


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise refused(path, "must be a string", code="invalid_type")
    return value


def _set_extra(message: Any, given: Mapping[str, Any], known: Collection[str], path: str) -> None:
    """Set what else an object holds; what says nothing, as in an answer that is sent back, is left out."""
    extra = {name: value for name, value in given.items() if name not in known and value not in (None, [], {})}
    if extra:
        message.extra.CopyFrom(struct_of(extra, path))
