"""A mapping of a foreign configuration that knows what nobody read of it, and what is said about a translation."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any, Final

_VARIABLE: Final = "os.environ/"


@dataclass(frozen=True, slots=True)
class Remark:
    """What a reader of the result has to know about a part of the configuration."""

    place: str
    """Where it stands, such as `model_list[2] (gpt-4o).litellm_params.weight`."""
    text: str
    left_out: bool = True
    """Whether it is not in the result; otherwise it is there in another form, or means something else."""

    def __str__(self) -> str:
        return f"{'left out' if self.left_out else 'note'}: {self.place}: {self.text}"


class Section:
    """The mapping at `place`; what no rule takes from it is `rest`, so that nothing is lost unsaid."""

    def __init__(self, place: str, table: object) -> None:
        self.place = place
        self._left: dict[str, Any] = {}
        if isinstance(table, Mapping):
            self._left = {str(key): value for key, value in table.items() if value is not None}

    def add(self, values: Mapping[str, Any]) -> None:
        """Add values of keys that it does not have."""
        self._left = {**values, **self._left}

    def take(self, key: str) -> Any:
        """Return a value and count it as read; None where it is not there."""
        return self._left.pop(key, None)

    def section(self, key: str) -> Section:
        """Return a mapping within this one."""
        return Section(f"{self.place}.{key}" if self.place else key, self.take(key))

    def text(self, key: str) -> str:
        """Return a text, where need be from the variable that it names; empty where neither is there."""
        value = self.take(key)
        if value is None:
            return ""
        name = variable_of(value)
        return os.environ.get(name, "") if name else str(value).strip()

    def number(self, key: str) -> Decimal | None:
        """Return a number, or None where there is none; what is not one stays in the rest."""
        value = self._left.get(key)
        if isinstance(value, bool):
            return None
        try:
            number = Decimal(os.environ.get(variable_of(value), "") if variable_of(value) else str(value).strip())
        except DecimalException:
            return None
        if not number.is_finite():
            return None
        self.take(key)
        return number

    def rest(self) -> Sequence[str]:
        """Return the keys that nobody read, and read them."""
        keys, self._left = list(self._left), {}
        return keys


def variable_of(value: object) -> str:
    """Return the name of the variable that a value points to (`os.environ/NAME`); empty for any other value."""
    return value.removeprefix(_VARIABLE).strip() if isinstance(value, str) and value.startswith(_VARIABLE) else ""
