"""JSON Schema 2020-12, checked in bounded time whoever wrote schema and answer (ADR 0062).

`jsonschema` evaluates; what it leaves unbounded is bounded here: the number of evaluations, expressions (Rust's engine,
which is linear, in place of Python's), comparing each item with each, and references, which may lead nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, exceptions, validators
from jsonschema.protocols import Validator
from pydantic_core import SchemaError, SchemaValidator, core_schema
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

MAX_BYTES = 128 * 1024
_MAX_DEPTH = 64
_MAX_STEPS = 100_000
"""Evaluations of a keyword, each some microseconds; twenty questions of an exercise take 700."""
_SMALL_BYTES = 8 * 1024
_MOST_RULES = 8
_MOST_CHARACTERS = 300
"""Of what a rule wants, as much is told."""
_OF_MANY = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_OF_SEVERAL = ("allOf", "anyOf", "oneOf", "prefixItems")
_OF_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
"""Keywords whose values are schemas: by name, in a list, and alone."""
_REFUSED = ("$schema", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "unevaluatedProperties", "unevaluatedItems")
_CLASSES = {"d": "[0-9]", "D": "[^0-9]", "w": "[0-9A-Za-z_]", "W": "[^0-9A-Za-z_]"}
"""ECMA-262's classes, which Rust's engine takes for those of Unicode."""

_steps: ContextVar[list[int]] = ContextVar("_steps")
"""How many steps are left, in a list so that it can be changed."""


class UnusableSchemaError(ValueError):
    """A schema cannot be checked; the message says which rule it breaks, and where."""


class TooMuchError(Exception):
    """A check takes more steps than it may."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema that answers are held against."""

    _wanted: Any
    _validator: Validator
    is_small: bool = False
    """Whether a step of a check takes microseconds whatever the answer: it has no expressions, and nothing long."""

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Schema:
        """Return a schema that can be checked.

        Raises:
            UnusableSchemaError: it is none, or needs what is not bounded.
        """
        return cls.read(json.dumps(schema, default=dict))

    @classmethod
    def read(cls, text: str) -> Schema:
        """Return a schema, written as JSON, that can be checked.

        Raises:
            UnusableSchemaError: it is none, or needs what is not bounded.
        """
        wanted, validator = _compiled(text)
        return cls(wanted, validator, len(text) <= _SMALL_BYTES and '"pattern' not in text)

    def broken_rules(self, value: Any) -> list[str]:
        """Return the first rules that a value breaks, each with its place; none where it matches."""
        try:
            return self.broken_within(value, _MAX_STEPS)
        except (TooMuchError, RecursionError):
            return ["takes too long to be checked against the schema"]

    def broken_within(self, value: Any, steps: int) -> list[str]:
        """Return the same where it is found in so many steps.

        Raises:
            TooMuchError: it is not.
        """
        token = _steps.set([steps])
        try:
            if _plainly_matches(self._wanted, value):
                return []
            _steps.set([steps])
            return [_told(error) for error in islice(self._validator.iter_errors(value), _MOST_RULES)]
        finally:
            _steps.reset(token)


def _compiled(text: str) -> tuple[Any, Validator]:
    if len(text) > MAX_BYTES:
        raise UnusableSchemaError(f"must have at most {MAX_BYTES} bytes")
    schema = json.loads(text)
    schema.pop("$schema", None)
    resource = DRAFT202012.create_resource(schema)
    resolver = Registry().with_resource("", resource).resolver()
    try:
        # Before the meta-schema: that is evaluated without bounds.
        parts = dict(_parts(schema, "$", 0))
        known = {id(part) for part in parts.values()}
        for place, part in parts.items():
            _check_part(place, part)
            if "$ref" in part and id(resolver.lookup(part["$ref"]).contents) not in known:
                raise UnusableSchemaError(f"{place}.$ref must lead to a schema")
        BoundedValidator.check_schema(schema, format_checker=None)
    except exceptions.SchemaError as error:
        raise UnusableSchemaError(f"{error.json_path} breaks {error.validator} of JSON Schema 2020-12") from error
    except Unresolvable as error:
        raise UnusableSchemaError(f"refers to {error.ref!r}, which is not there") from error
    return schema, BoundedValidator(schema, registry=Registry())


def _parts(schema: Any, place: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a schema and all in it, with their places."""
    if depth > _MAX_DEPTH:
        raise UnusableSchemaError(f"must not be nested deeper than {_MAX_DEPTH}")
    if not isinstance(schema, dict):
        return
    yield place, schema
    for keyword in _OF_MANY:
        if isinstance(named := schema.get(keyword), dict):
            for name, part in named.items():
                yield from _parts(part, f"{place}.{keyword}.{name}", depth + 1)
    for keyword in _OF_SEVERAL:
        if isinstance(several := schema.get(keyword), list):
            for index, part in enumerate(several):
                yield from _parts(part, f"{place}.{keyword}[{index}]", depth + 1)
    for keyword in _OF_ONE:
        yield from _parts(schema.get(keyword), f"{place}.{keyword}", depth + 1)


def _check_part(place: str, part: Mapping[str, Any]) -> None:
    if unbounded := next((keyword for keyword in _REFUSED if keyword in part), None):
        raise UnusableSchemaError(f"{place}.{unbounded} is not checked here")
    reference = part.get("$ref", "#")
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise UnusableSchemaError(f"{place}.$ref must lead to a place within the schema, such as #/$defs/name")
    patterns = [part.get("pattern"), *(part.get("patternProperties") or ())]
    for pattern in patterns:
        if isinstance(pattern, str):
            try:
                _expression(pattern)
            except SchemaError as error:
                raise UnusableSchemaError(f"{place}: the expression {pattern[:99]!r} is not checked here") from error


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> SchemaValidator:
    pattern = re.sub(r"\\(.)", lambda found: _CLASSES.get(found[1], found[0]), pattern, flags=re.DOTALL)
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _matches(pattern: str, text: str) -> bool:
    return _expression(pattern).isinstance_python(text)


def _spend(steps: int) -> None:
    left = _steps.get()
    left[0] -= steps
    if left[0] < 0:
        raise TooMuchError


def _plainly_matches(wanted: Any, value: Any) -> bool:
    """Return whether a value matches a schema of few keywords: most do, and most answers match theirs.

    Where it does not, or other keywords say more, the validator tells; it takes ten times as long.
    """
    if not isinstance(wanted, dict):
        return wanted is True
    _spend(len(wanted))
    for keyword, each in wanted.items():
        matches = _PLAIN.get(keyword)
        if matches is None or not matches(each, value, wanted):
            return False
    return True


def _has_properties(each: Mapping[str, Any], value: Any, _: Any) -> bool:
    _spend(len(each))
    return isinstance(value, dict) and all(
        _plainly_matches(part, value[name]) for name, part in each.items() if name in value
    )


def _has_required(each: list[str], value: Any, _: Any) -> bool:
    _spend(len(each))
    return isinstance(value, dict) and all(name in value for name in each)


def _has_no_others(each: Any, value: Any, wanted: Mapping[str, Any]) -> bool:
    return each is False and isinstance(value, dict) and value.keys() <= wanted.get("properties", {}).keys()


def _has_items(each: Any, value: Any, _: Any) -> bool:
    return isinstance(value, list) and all(_plainly_matches(each, item) for item in value)


def _is_of_type(each: Any, value: Any, _: Any) -> bool:
    return isinstance(each, str) and type(value) in _PLAIN_TYPES[each]


def _is_one_of(each: list[Any], value: Any, _: Any) -> bool:
    _spend(len(each))
    return isinstance(value, str) and value in each


_PLAIN_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
_PLAIN: Mapping[str, Callable[[Any, Any, Any], bool]] = {
    "type": _is_of_type,
    "properties": _has_properties,
    "required": _has_required,
    "additionalProperties": _has_no_others,
    "items": _has_items,
    "enum": _is_one_of,
    "minLength": lambda least, value, _: isinstance(value, str) and len(value) >= least,
    "maxLength": lambda most, value, _: isinstance(value, str) and len(value) <= most,
    "minItems": lambda least, value, _: isinstance(value, list) and len(value) >= least,
    "maxItems": lambda most, value, _: isinstance(value, list) and len(value) <= most,
    **{keyword: lambda *_: True for keyword in ("title", "description", "default", "examples", "$comment")},
}


def _pattern(_: Any, wanted: str, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _matches(wanted, value):
        yield ValidationError("does not match the expression")


def _pattern_properties(validator: Any, wanted: Mapping[str, Any], value: Any, _: Any) -> Iterator[ValidationError]:
    for expression, part in wanted.items() if isinstance(value, dict) else ():
        _spend(len(value))
        for name in value:
            if _matches(expression, name):
                yield from validator.descend(value[name], part, path=name, schema_path=expression)


def _additional_properties(
    validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    patterns = schema.get("patternProperties", {})
    _spend(len(value) * (1 + len(patterns)))
    known = schema.get("properties", {})
    more = [name for name in value if name not in known and not any(_matches(each, name) for each in patterns)]
    if wanted is False and more:
        yield ValidationError(f"must not have {', '.join(map(repr, more))}")
    elif wanted is not False:
        for name in more:
            yield from validator.descend(value[name], wanted, path=name)


def _unique_items(_: Any, wanted: Any, value: Any, __: Any) -> Iterator[ValidationError]:
    if wanted and isinstance(value, list):
        _spend(len(value))
        if len({_key(item) for item in value}) < len(value):
            yield ValidationError("has an item twice")


def _counted(check: Callable[..., Any]) -> Callable[..., Any]:
    def counted(validator: Any, wanted: Any, value: Any, schema: Any) -> Any:
        _spend(1 + (len(wanted) if isinstance(wanted, list | dict) else 0))
        return check(validator, wanted, value, schema)

    return counted


def _key(value: Any) -> Any:
    """Return what equal JSON values have in common: 1 is 1.0, and not true."""
    if isinstance(value, dict):
        return frozenset((name, _key(item)) for name, item in value.items())
    if isinstance(value, list):
        return tuple(_key(item) for item in value)
    return (bool, value) if isinstance(value, bool) else value


def _told(error: ValidationError) -> str:
    """Return which rule is broken where, without what a model wrote."""
    # Of alternatives, the one that comes closest.
    error = exceptions.best_match([error]) or error
    if error.validator is None:
        return f"{error.json_path} holds what the schema does not allow"[:_MOST_CHARACTERS]
    if error.validator in ("required", "additionalProperties", "dependentRequired"):
        return f"{error.json_path}: {error.message}"[:_MOST_CHARACTERS]
    wanted = json.dumps(error.validator_value, ensure_ascii=False)
    return f"{error.json_path} breaks {error.validator}: {wanted}"[:_MOST_CHARACTERS]


_OWN = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
BoundedValidator = validators.extend(
    Draft202012Validator,
    {keyword: _counted(check) for keyword, check in {**Draft202012Validator.VALIDATORS, **_OWN}.items()},
)
