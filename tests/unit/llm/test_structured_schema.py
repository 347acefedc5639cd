"""Schemas and answers that are made to take for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from services.llm.domain.structured.answers import checked, wanted
from services.llm.domain.structured.schema import Schema, UnusableSchemaError
from services.llm.values.chat import ChatRequest, Completion, FinishReason, OutputSchema, SchemaCheck

TOO_LONG = ["takes too long to be checked against the schema"]


def _nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return {"a": value}


def _doubled(times: int) -> dict[str, Any]:
    parts: dict[str, Any] = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(times)}
    return {"$defs": {**parts, f"d{times}": {}}, "$ref": "#/$defs/d0"}


BOTH = {"properties": {"a": {"$ref": "#"}}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"allOf": [BOTH, BOTH]}, _nested(60)),
        ({"anyOf": [{**BOTH, "required": ["b"]}, {**BOTH, "required": ["c"]}]}, _nested(60)),
        (_doubled(40), 1),
        (_doubled(200), 1),
        ({"$ref": "#"}, 1),
        ({"items": {"enum": list(range(1000))}}, [999] * 1000),
        ({"patternProperties": {f"^{n}": {} for n in range(500)}}, {str(n): n for n in range(1000)}),
    ],
    ids=["and", "or", "doubled", "a chain", "itself", "a long list", "many expressions"],
)
def test_a_check_takes_a_bounded_number_of_steps(
    schema: dict[str, Any], value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.llm.domain.structured.schema._MAX_STEPS", 2000)
    assert Schema.of(schema).broken_rules(value) == TOO_LONG


@pytest.mark.parametrize(
    ("schema", "text", "rules", "threads"),
    [
        ({"required": ["a"]}, '{"a": 1}', [], 1),
        ({"required": ["a"]}, "{}", ["$: 'a' is a required property"], 1),
        ({"required": ["a"]}, '{"a": "' + "x" * 5000 + '"}', [], 3),
        ({"required": ["a"], "properties": {"a": {"pattern": "^x"}}}, '{"a": "x"}', [], 3),
        ({"items": {"enum": list(range(150))}}, "[149, 149]", [], 3),
        (_doubled(40), "{}", TOO_LONG, 3),
    ],
    ids=["matches", "does not", "a long answer", "an expression", "many steps", "too many"],
)
async def test_only_what_is_soon_done_holds_up_the_loop(
    schema: dict[str, Any], text: str, rules: list[str], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_threads, to_thread = [], asyncio.to_thread

    async def counted(work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        in_threads.append(work)
        return await to_thread(work, *arguments, **options)

    monkeypatch.setattr(asyncio, "to_thread", counted)
    monkeypatch.setattr("services.llm.domain.structured.answers._compiled", {})
    monkeypatch.setattr("services.llm.domain.structured.schema._MAX_STEPS", 2000)
    ask = ChatRequest("m", [], output=OutputSchema("s", schema))
    for _ in range(2):
        answer = await checked(Completion(text, FinishReason.STOP, None), ask, await wanted(ask))
        assert answer.check == SchemaCheck(rules)
    assert len(in_threads) == threads


def _drawn_schema(draw: random.Random, depth: int) -> Any:
    kind = draw.choice(["string", "integer", "number", "boolean", "null", *["object", "array"] * bool(depth)])
    schema: dict[str, Any] = {"type": kind if draw.random() < 0.9 else sorted({kind, "null"})}
    if kind == "object":
        schema["properties"] = {name: _drawn_schema(draw, depth - 1) for name in draw.sample("abc", 2)}
        schema |= {"required": draw.sample("abc", 1)} if draw.random() < 0.5 else {}
        others = draw.choice([True, False, {"type": "string"}])
        schema |= {"additionalProperties": others} if draw.random() < 0.5 else {}
    elif kind == "array":
        schema |= {"items": _drawn_schema(draw, depth - 1), draw.choice(["minItems", "maxItems"]): 1}
    elif kind == "string":
        schema |= draw.choice([{}, {"enum": ["x", 1, None]}, {"minLength": 2}, {"maxLength": 1}, {"pattern": "^x"}])
    return draw.choice([schema] * 8 + [{"anyOf": [schema]}, True, False, {"not": schema}])


def _drawn_value(draw: random.Random, depth: int) -> Any:
    kinds: list[Any] = ["", "x", "xy", "\U0001f600", 1, 1.0, 2.5, True, False, None]
    if depth and draw.random() < 0.6:
        names = draw.sample("abcd", draw.randrange(4))
        return draw.choice(
            [{name: _drawn_value(draw, depth - 1) for name in names}, [_drawn_value(draw, depth - 1) for _ in names]]
        )
    return draw.choice(kinds)


def test_what_matches_plainly_matches() -> None:
    draw = random.Random(1)  # noqa: S311 - schemas, no secrets
    both = 0
    for _ in range(4000):
        wanted, value = _drawn_schema(draw, 2), _drawn_value(draw, 2)
        if not isinstance(wanted, dict):
            continue
        plain = Schema.of(wanted).broken_rules(value) == []
        assert plain is Draft202012Validator(wanted).is_valid(value), (wanted, value)
        both += plain
    assert both > 300


def test_an_expression_that_python_would_never_be_done_with() -> None:
    text = "a" * 100_000 + "b"
    assert Schema.of({"pattern": "^(a+)+$"}).broken_rules(text) == ['$ breaks pattern: "^(a+)+$"']
    by_name = Schema.of({"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False})
    assert by_name.broken_rules({text: 1})[0].startswith("$: must not have 'aaa")


@pytest.mark.parametrize(
    ("schema", "rule"),
    [
        ({"$ref": "https://example.org/x"}, "$.$ref must lead to a place within the schema, such as #/$defs/name"),
        ({"properties": {"a": {"$ref": "file:///x"}}}, "$.properties.a.$ref must lead to a place within the schema"),
        ({"$ref": "#/$defs/no"}, "refers to '/$defs/no', which is not there"),
        ({"$ref": "#/examples/0", "examples": [{"pattern": "("}]}, "$.$ref must lead to a schema"),
        ({"$ref": 1}, "$.$ref must lead to a place within the schema"),
        ({"type": "objct"}, "$.type breaks anyOf of JSON Schema 2020-12"),
        ({"items": {"pattern": "(?=a)b"}}, "$.items: the expression '(?=a)b' is not checked here"),
        ({"pattern": "a{1000}{1000}"}, "$: the expression 'a{1000}{1000}' is not checked here"),
        ({"unevaluatedProperties": False}, "$.unevaluatedProperties is not checked here"),
        ({"not": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "$.not.$schema is not checked here"),
        ({"description": "x" * 140_000}, "must have at most 131072 bytes"),
        ({"properties": {"a": [1]}}, "$.properties.a breaks type of JSON Schema 2020-12"),
    ],
)
def test_a_schema_that_is_refused(schema: dict[str, Any], rule: str) -> None:
    with pytest.raises(UnusableSchemaError) as caught:
        Schema.of(schema)
    assert str(caught.value).startswith(rule)


def test_a_schema_that_is_nested_too_deeply() -> None:
    schema: dict[str, Any] = {}
    for _ in range(70):
        schema = {"items": schema}
    with pytest.raises(UnusableSchemaError, match="deeper than 64"):
        Schema.of(schema)


def test_properties_may_be_named_like_keywords() -> None:
    names = {name: {"type": "integer"} for name in ("$ref", "pattern", "$schema", "unevaluatedItems", "allOf")}
    schema = Schema.of({"$schema": "http://json-schema.org/draft-07/schema#", "properties": names})
    assert schema.broken_rules(dict.fromkeys(names, 1)) == []
    assert schema.broken_rules({"pattern": "x"}) == ['$.pattern breaks type: "integer"']


@pytest.mark.parametrize(
    ("schema", "value", "rules"),
    [
        ({"uniqueItems": True}, [1, True, [1], [True], "1", {"a": 1}, {"a": True}], []),
        ({"uniqueItems": True}, [1, 1.0], ["$ breaks uniqueItems: true"]),
        ({"pattern": r"^\d+$"}, "１２", [r'$ breaks pattern: "^\\d+$"']),
        ({"pattern": r"^[\w-]+$"}, "a_1-b", []),
        ({"pattern": r"^\\d$"}, r"\d", []),
        ({"pattern": "^a$"}, "a\n", ['$ breaks pattern: "^a$"']),
        ({"additionalProperties": {"type": "string"}}, {"a": 1}, ['$.a breaks type: "string"']),
        ({"patternProperties": {"^x": {"type": "string"}}, "additionalProperties": False}, {"x": "1"}, []),
        ({"properties": {"a": False}}, {"a": 1}, ["$ holds what the schema does not allow"]),
        ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, 2, ['$ breaks anyOf: [{"type": "string"}, {"minimum": 3}]']),
        ({"anyOf": [{"type": "string"}, {"properties": {"a": {"minimum": 3}}}]}, {"a": 2}, ["$.a breaks minimum: 3"]),
        ({"items": {"type": "string"}}, list(range(20)), [f'$[{n}] breaks type: "string"' for n in range(8)]),
    ],
)
def test_what_is_held_against_a_schema(schema: dict[str, Any], value: Any, rules: list[str]) -> None:
    assert Schema.of(schema).broken_rules(value) == rules
