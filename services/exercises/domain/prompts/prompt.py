"""A prompt: texts in every language, and the type of the answer, which is its JSON Schema and decodes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, Self, TypeVar

import msgspec

from services.exercises.values.chat import ChatMessage, ChatRequest
from services.exercises.values.refusal import Refusal, RefusedError
from services.language.language import Language
from services.language.prompts import PromptTexts, load, texts_in


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
        """Return the answer in a JSON object, or refuse it as INVALID_JSON; further fields do not matter."""
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
    """Return a property's schema with the limits behind its type and in the place of its own keywords."""
    return {"type": node["type"], **limits, **node, **limits}


def _bounds(node: Mapping[str, Any]) -> dict[str, Any]:
    return {keyword: bound for keyword, bound in node.items() if keyword.startswith(("min", "max"))}


Answer_co = TypeVar("Answer_co", bound=StructuredAnswer, covariant=True)


@dataclass(frozen=True, slots=True)
class Prompt(Generic[Answer_co]):
    """What a model is asked for one task."""

    name: str
    """The name of the schema, by which providers and logs know the task."""
    answer: type[Answer_co]
    max_tokens: int
    texts: Mapping[str, PromptTexts]
    """By the codes of the languages that models are asked in."""

    @classmethod
    def load(cls, name: str, answer: type[Answer_co], max_tokens: int, *texts: str) -> Self:
        """Read a prompt whose texts have these names, by default the prompt's own: once, at import."""
        return cls(name, answer, max_tokens, load(__package__, *(texts or (name,))))

    def request(
        self,
        language: Language,
        *,
        temperature: float,
        seed: int,
        model: str = "",
        limits: Mapping[str, Mapping[str, Any]] | None = None,
        **values: str,
    ) -> ChatRequest:
        """Return the request for one answer; `values` stand for names in braces, a line with an empty one is left out.

        `limits` are keywords of the schema by property. Without prompts in the language: error NO_CHAT_PROVIDER.
        """
        return ChatRequest(
            messages=tuple(ChatMessage(*message) for message in texts_in(language, self.texts).filled(values)),
            schema_name=self.name,
            schema=self.answer.schema(**(limits or {})),
            max_tokens=self.max_tokens,
            temperature=temperature,
            model=model,
            seed=seed,
        )
