"""What the public API answers instead of a result, each in a line for the person who asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """The base of this package's errors; the message is one readable sentence."""


class UnreachableError(ClientError):
    """Nothing answers at the server's address."""

    def __init__(self, server: str, cause: str) -> None:
        super().__init__(f"nothing answers at {server} ({cause}); start it with `tiku up`, or name it with --server")


class StreamCutShortError(ClientError):
    """A stream of events ended before the event that ends it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} ended before it was complete; the server may have stopped")


class ApiError(ClientError):
    """The server refused or failed, as its problem details (RFC 9457) say.

    `reason` is stable; `fields` are pairs of a field and the rule that it breaks.
    """

    def __init__(
        self, status: int, reason: str, detail: str, fields: tuple[tuple[str, str], ...], request_id: str
    ) -> None:
        # The detail often is the only rule that was broken; it need not be said twice.
        named = "; ".join(f"{field}: {rule}" if field else rule for field, rule in fields if rule not in detail)
        super().__init__(f"{detail}{f' ({named})' if named else ''} [{reason}]")
        self.status = status
        self.reason = reason
        self.fields = fields
        self.request_id = request_id

    @classmethod
    def from_problem(cls, problem: Mapping[str, Any], status: int) -> ApiError:
        """Return the error of a problem object; an object of another form gives a readable error too."""
        listed = problem.get("errors")
        fields = tuple(
            (str(entry.get("field", "")), str(entry.get("message", "")))
            for entry in (listed if isinstance(listed, list) else [])
            if isinstance(entry, Mapping)
        )
        return cls(
            int(problem.get("status", status)),
            str(problem.get("reason", "UNKNOWN")),
            str(problem.get("detail") or problem.get("title") or f"the server answered {status}"),
            fields,
            str(problem.get("request_id", "")),
        )
