"""A prompt: texts in every language, and the type of the answer, which is its JSON Schema and decodes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import msgspec

from services.exercises.values.chat import ChatRequest
from services.exercises.values.refusal import Refusal, RefusedError
from services.kit.json_answers import schema_of
from services.language.language import Language
from services.language.prompts import PromptTexts, load, texts_in


class StructuredAnswer(msgspec.Struct):
    """What a model writes. The fields in their order are the properties that it is asked for, each of them required."""

    @classmethod
    def schema(cls, without: Collection[str] = (), **limits: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON Schema, without the properties that a request does not ask for.

        `limits` adds keywords to properties whose bounds only the request knows.
        """
        schema = schema_of(cls)
        properties = {name: own for name, own in schema["properties"].items() if name not in without}
        for name, own in limits.items():
            # Limits stand behind the type, and in the place of the property's own keywords.
            properties[name] = {"type": properties[name]["type"], **own, **properties[name], **own}
        return {**schema, "properties": properties, "required": list(properties)}

    @classmethod
    def decode(cls, value: object) -> Self:
        """Return the answer in a JSON object; further fields do not matter.

        Raises:
            RefusedError: a field is missing or of another type; reason INVALID_JSON.
        """
        try:
            return msgspec.convert(value, cls)
        except msgspec.ValidationError as error:
            raise RefusedError(Refusal.INVALID_JSON) from error


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
        without: Collection[str] = (),
        **values: str,
    ) -> ChatRequest:
        """Return the request for one answer; `values` stand for names in braces, a line with an empty one is left out.

        `limits` are keywords of the schema by property, `without` names the properties that are not asked for.

        Raises:
            FailedPrecondition: there are no prompts in the language; reason NO_CHAT_PROVIDER.
        """
        return ChatRequest(
            messages=tuple(texts_in(language, self.texts).filled(values)),
            schema_name=self.name,
            schema=self.answer.schema(without, **(limits or {})),
            max_tokens=self.max_tokens,
            temperature=temperature,
            model=model,
            seed=seed,
        )
