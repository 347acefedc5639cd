"""Page tokens: where the next page starts, in a form that means nothing to the client (AIP-158)."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from services.kit.errors import FieldViolation, InvalidArgument


def encode_cursor(position: dict[str, Any]) -> str:
    """Return a token for a position of JSON values."""
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(token: str) -> dict[str, Any]:
    """Return the position in a token.

    Raises:
        InvalidArgument: the token is not one of ours.
    """
    try:
        position = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError):
        position = None
    if not isinstance(position, dict):
        raise foreign_token()
    return position


def foreign_token() -> InvalidArgument:
    """Return the error for a page token that no earlier response to the same request gave."""
    rule = "must be the next_page_token of an earlier response to the same request"
    return InvalidArgument(
        f"page_token {rule}.", reason="INVALID_PAGE_TOKEN", violations=[FieldViolation("page_token", rule)]
    )
