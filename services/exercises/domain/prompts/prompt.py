"""A prompt: texts in every language, and the type of the answer, which is its JSON Schema and decodes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Generic, Self, TypeVar

import msgspec

from services.exercises.values.chat import ChatMessage, ChatRequest
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.detection import CHINESE, ENGLISH

LANGUAGES = (CHINESE, ENGLISH)
_ROLES = frozenset({"system", "user", "assistant"})
_HEADING = re.compile(r"^# (\w+)\n", re.MULTILINE)
_NAME = re.compile(r"\{(\w+)\}")


class StructuredAnswer(msgspec.Struct):
    """What a model writes. The fields in their order are the properties that it is asked for, each of them required."""

    @classmethod
    def schema(cls, **limits: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON Schema; `limits` adds keywords to properties whose bounds only the request knows."""
        schema = _schema_of(cls)
        properties = {name: _bounded(node, limits.get(name, {})) for name, node in schema["properties"].items()}
        return {**schema, "properties": properties}

    @classmethod
    def decode(cls, value: object) -> Self:
        """Return the answer in a JSON object; other fields are ignored.

        Raises:
            RefusedError: INVALID_JSON, a field is missing or of another type.
        """
        try:
            return msgspec.convert(value, cls)
        except msgspec.ValidationError as error:
            raise RefusedError(Refusal.INVALID_JSON) from error


def asked(**keywords: int) -> msgspec.Meta:
    """Return a bound that a model is asked to keep and that decoding does not enforce: the checks say better why."""
    return msgspec.Meta(extra_json_schema=keywords)


@cache
def _schema_of(answer: type[StructuredAnswer]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components((answer,), ref_template="{name}")

    def plain(node: dict[str, Any]) -> dict[str, Any]:
        """Return a schema as providers take it: no references, no titles, nothing optional."""
        match node:
            case {"$ref": name}:
                return plain(components[name])
            case {"type": "object", "properties": properties}:
                return {
                    "type": "object",
                    "properties": {name: plain(schema) for name, schema in properties.items()},
                    "required": list(properties),
                    "additionalProperties": False,
                }
            case {"type": "array", "items": items}:
                return {"type": "array", "items": plain(items), **_bounds(node)}
            case _:
                return {"type": node["type"], **_bounds(node)}

    return plain({"$ref": answer.__name__})


def _bounded(node: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Return a property's schema with limits, which replace its own keywords."""
    return {"type": node["type"], **limits, **node, **limits}


def _bounds(node: Mapping[str, Any]) -> dict[str, Any]:
    return {keyword: bound for keyword, bound in node.items() if keyword.startswith(("min", "max"))}


Answer_co = TypeVar("Answer_co", bound=StructuredAnswer, covariant=True)


@dataclass(frozen=True, slots=True)
class Texts:
    """A conversation in one language, and the parts that it is made of."""

    messages: tuple[ChatMessage, ...]
    parts: Mapping[str, str]

    @classmethod
    def load(cls, language: str, *names: str) -> Self:
        """Read the texts of these names; those of the later ones are parts of the first."""
        messages: list[ChatMessage] = []
        parts: dict[str, str] = {}
        for name in names:
            file = resources.files(__package__) / language / f"{name}.md"
            pieces = _HEADING.split(file.read_text(encoding="utf-8"))[1:]
            for heading, text in zip(pieces[::2], pieces[1::2], strict=True):
                if heading in _ROLES:
                    messages.append(ChatMessage(heading, text.strip("\n")))
                else:
                    parts[heading] = text.strip("\n")
        whole = [ChatMessage(m.role, _NAME.sub(lambda name: parts.get(name[1], name[0]), m.content)) for m in messages]
        return cls(tuple(whole), parts)


@dataclass(frozen=True, slots=True)
class Prompt(Generic[Answer_co]):
    """What a model is asked for one task."""

    name: str
    """The name of the schema, by which providers and logs know the task."""
    answer: type[Answer_co]
    max_tokens: int
    texts: Mapping[str, Texts]
    """By language."""

    @classmethod
    def load(cls, name: str, answer: type[Answer_co], max_tokens: int, *texts: str) -> Self:
        """Read a prompt whose texts have these names, by default the prompt's own: once, at import."""
        return cls(name, answer, max_tokens, {lang: Texts.load(lang, *(texts or (name,))) for lang in LANGUAGES})

    def request(
        self,
        language: str,
        *,
        temperature: float,
        seed: int,
        model: str = "",
        limits: Mapping[str, Mapping[str, Any]] | None = None,
        **values: str,
    ) -> ChatRequest:
        """Return the request that asks for one answer. A line that names an empty value is left out.

        `limits` are keywords of the schema by property, `values` what stands for the names in braces.
        """
        return ChatRequest(
            messages=tuple(ChatMessage(m.role, fill(m.content, values)) for m in self.texts[language].messages),
            schema_name=self.name,
            schema=self.answer.schema(**(limits or {})),
            max_tokens=self.max_tokens,
            temperature=temperature,
            model=model,
            seed=seed,
        )


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with values for the names in braces, without the lines that name an empty one."""
    lines = []
    for line in text.split("\n"):
        if all(values[name] for name in _NAME.findall(line)):
            lines.append(_NAME.sub(lambda name: values[name[1]], line))
    return "\n".join(lines)
