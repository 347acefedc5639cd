"""The text of a query, checked."""

from __future__ import annotations

from services.kit.errors import FieldViolation, InvalidArgument


def require_text(field: str, text: str) -> None:
    """Refuse a text without anything to look for; `field` is its name in the request.

    Raises:
        InvalidArgument: the text is empty or holds white space alone.
    """
    if not text.strip():
        rule = "must hold more than white space"
        raise InvalidArgument(f"{field} {rule}.", violations=[FieldViolation(field, rule)])
