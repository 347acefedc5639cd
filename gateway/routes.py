"""Path templates of `google.api.http` and the table that finds a request's handler.

A fixed path costs one look-up in a dictionary. A path with variables is matched against the few templates that have as
many segments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

H = TypeVar("H")

_VARIABLE = re.compile(r"\{([a-z0-9_.]+)(?:=(\*\*?))?\}")


@dataclass(frozen=True, slots=True)
class Match(Generic[H]):
    """A path that exists: its handlers by verb, and the values of its variables."""

    handlers: Mapping[str, H]
    variables: Mapping[str, str]


class RouteTable(Generic[H]):
    """Handlers by verb and path template."""

    def __init__(self) -> None:
        self._fixed: dict[str, dict[str, H]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, H]]] = {}
        self._by_length: dict[int, list[tuple[re.Pattern[str], dict[str, H]]]] = {}
        self._open_ended: list[tuple[re.Pattern[str], dict[str, H]]] = []

    def add(self, verb: str, template: str, handler: H) -> None:
        """Register a handler.

        Raises:
            ValueError: the verb and template have one already.
        """
        handlers = self._handlers(template)
        if verb in handlers:
            raise ValueError(f"{verb} {template} is declared twice")
        handlers[verb] = handler

    def find(self, path: str) -> Match[H] | None:
        """Return the handlers of a decoded path; None when no template fits."""
        fixed = self._fixed.get(path)
        if fixed is not None:
            return Match(fixed, {})
        for pattern, handlers in self._by_length.get(path.count("/"), ()):
            if found := pattern.fullmatch(path):
                return Match(handlers, _variables(found))
        for pattern, handlers in self._open_ended:
            if found := pattern.fullmatch(path):
                return Match(handlers, _variables(found))
        return None

    def _handlers(self, template: str) -> dict[str, H]:
        if "{" not in template:
            return self._fixed.setdefault(template, {})
        pattern = compile_template(template)
        if known := self._patterns.get(pattern.pattern):
            return known[1]
        handlers: dict[str, H] = {}
        entry = self._patterns[pattern.pattern] = (pattern, handlers)
        if "=**}" in template:
            self._open_ended.append(entry)
        else:
            self._by_length.setdefault(template.count("/"), []).append(entry)
        return handlers


def compile_template(template: str) -> re.Pattern[str]:
    """Compile a template such as `/api/v1/documents/{document_id}:parse`.

    A variable takes one segment without a colon, which starts a custom verb; `{name=**}` takes the rest of the path.
    """
    parts = []
    end = 0
    for found in _VARIABLE.finditer(template):
        parts.append(re.escape(template[end : found.start()]))
        group = found[1].replace(".", "__")
        parts.append(f"(?P<{group}>{'.+' if found[2] == '**' else '[^/:]+'})")
        end = found.end()
    parts.append(re.escape(template[end:]))
    return re.compile("".join(parts))


def variable_names(template: str) -> list[str]:
    """Return the fields that a template binds, dotted where they are nested."""
    return [found[1] for found in _VARIABLE.finditer(template)]


def _variables(found: re.Match[str]) -> dict[str, str]:
    return {name.replace("__", "."): value for name, value in found.groupdict().items()}
