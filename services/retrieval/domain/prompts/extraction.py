"""The task of finding entities and relations, and the type of what a model answers: its schema, and its decoding.

The prompt has a template and no example, because small models copy examples. The section stands on one line and is
called untrusted, so that a heading can neither pass for an instruction nor end the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from services.kit.json_answers import asked, schema_of
from services.language.detection import LANGUAGES
from services.language.folding import flatten
from services.language.language import Language
from services.language.names import KINDS
from services.language.prompts import load, texts_in
from services.retrieval.values.chat import ChatMessage, ChatRequest

SCHEMA_NAME = "extraction"
_TEXTS = load(__package__, SCHEMA_NAME)
_LONGEST_SECTION = 200
_MARKS = ("<<<", ">>>")
_CHARACTERS_AN_ENTITY = 40
_FEWEST_ENTITIES, _MOST_ENTITIES = 4, 24


class WrittenEntity(msgspec.Struct):
    """A thing that the text names."""

    name: Annotated[str, asked(maxLength=80)]
    kind: Annotated[str, asked(enum=list(KINDS))]
    quote: str


class WrittenRelation(msgspec.Struct):
    """What the text says of two of them."""

    subject: Annotated[str, asked(maxLength=80)]
    predicate: Annotated[str, asked(maxLength=40)]
    object: Annotated[str, asked(maxLength=80)]
    quote: str


class WrittenGraph(msgspec.Struct):
    """What a model answers."""

    entities: list[WrittenEntity]
    relations: list[WrittenRelation]

    @classmethod
    def decode(cls, value: Mapping[str, object]) -> WrittenGraph:
        """Return what is readable of a JSON object: an item that is not as it was asked for costs no other."""
        return cls(_readable(value.get("entities"), WrittenEntity), _readable(value.get("relations"), WrittenRelation))


def _readable(items: object, kind: type[Any]) -> list[Any]:
    found = []
    for item in items[: 4 * _MOST_ENTITIES] if isinstance(items, list) else ():
        try:
            found.append(msgspec.convert(item, kind))
        except msgspec.ValidationError:
            continue
    return found


def request_for(text: str, model: str, headings: Sequence[str], max_tokens: int) -> ChatRequest:
    """Return what a model is asked about a text.

    Raises:
        FailedPrecondition: there is no prompt in the text's language; reason NO_CHAT_PROVIDER.
    """
    language = LANGUAGES.of(text)
    entities = max(_FEWEST_ENTITIES, min(_MOST_ENTITIES, len(text) // _CHARACTERS_AN_ENTITY))
    values = {
        "section": _section(headings),
        "text": _unmarked(text),
        "kinds": ", ".join(KINDS),
        "most_entities": str(entities),
        "most_relations": str(entities),
    }
    messages = texts_in(language, _TEXTS).filled(values)
    return ChatRequest(
        tuple(ChatMessage(*message) for message in messages), model, max_tokens, SCHEMA_NAME, schema_of(WrittenGraph)
    )


def probe_text(language: Language) -> str:
    """Return a tiny text by which it is tried whether a model can extract."""
    return texts_in(language, _TEXTS).parts["probe"]


def _section(headings: Sequence[str]) -> str:
    return _unmarked(flatten(" > ".join(headings)))[:_LONGEST_SECTION]


def _unmarked(text: str) -> str:
    """Return a text that cannot end its quotation."""
    for mark in _MARKS:
        text = text.replace(mark, " ".join(mark))
    return text
