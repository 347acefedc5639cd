"""Which fields of a profile may change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from services.kit.errors import FieldViolation, InvalidArgument

MUTABLE_FIELDS = ("display_name", "language", "goal", "daily_question_goal")
IMMUTABLE_FIELDS = ("user_id", "create_time", "update_time")


def changes(values: Mapping[str, str | int], mask: Sequence[str], set_fields: Collection[str]) -> dict[str, str | int]:
    """Return the new values of the fields that the mask names or, without a mask, of those that are set."""
    violations = []
    for path in mask:
        if path in IMMUTABLE_FIELDS:
            violations.append(FieldViolation("update_mask", f"must not name {path}, which cannot be changed"))
        elif path not in MUTABLE_FIELDS and path != "*":
            violations.append(FieldViolation("update_mask", f"must not name {path!r}, which is no field of a profile"))
    if not mask:
        violations.extend(
            FieldViolation(f"profile.{name}", "cannot be changed") for name in IMMUTABLE_FIELDS if name in set_fields
        )
    if violations:
        raise InvalidArgument(
            f"{violations[0].field} {violations[0].description}.", reason="INVALID_UPDATE", violations=violations
        )
    wanted = MUTABLE_FIELDS if "*" in mask else tuple(mask) or tuple(f for f in MUTABLE_FIELDS if f in set_fields)
    return {name: values[name] for name in wanted}
