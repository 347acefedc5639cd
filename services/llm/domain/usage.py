"""What was spent, as somebody wants to read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.llm.values.spending import Line, Spending


class Dimension(StrEnum):
    """Something that spending is told apart by, besides provider and model."""

    DAY = "day"
    USER = "user"
    KEY = "key"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class Group:
    """Provider and model, and what is told apart; the rest is empty."""

    provider: str
    model: str
    day: date | None = None
    user: str = ""
    key: str = ""
    organization: str = ""


def grouped(spending: Mapping[Line, Spending], by: Collection[Dimension]) -> list[tuple[Group, Spending]]:
    """Return the sums of each group, the last day first, then in the order of their names."""
    groups: dict[Group, Spending] = {}
    for line, spent in spending.items():
        group = Group(
            line.provider,
            line.model,
            line.day if Dimension.DAY in by else None,
            line.caller.user if Dimension.USER in by else "",
            line.caller.key if Dimension.KEY in by else "",
            line.caller.organization if Dimension.ORGANIZATION in by else "",
        )
        groups[group] = groups.get(group, Spending()) + spent
    return sorted(groups.items(), key=lambda item: _place(item[0]))


def _place(group: Group) -> tuple[object, ...]:
    day = -group.day.toordinal() if group.day else 0
    return day, group.provider, group.model, group.organization, group.key, group.user
