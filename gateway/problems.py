"""Every way in which a request can fail, as RFC 9457 problem details.

One table turns gRPC statuses into HTTP; the rest of the gateway raises `ProblemError` or a `TikuError`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from services.kit import errors

HTTP_STATUS: Mapping[str, int] = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
"""HTTP status of each gRPC status, as google/rpc/code.proto maps them."""

HTTP_STATUS_OF_REASON: Mapping[str, int] = {errors.DISK_FULL: 507}
"""HTTP status of errors whose reason says more than their gRPC status."""

_RETRY_AFTER_SECONDS = 1.0


class ProblemError(Exception):
    """A failed request as its client sees it.

    `detail` is written for the client; `errors` name each offending field; `retry_after` is in seconds.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        errors: Sequence[errors.FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.errors = tuple(errors)
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after
        self.headers = tuple(headers)

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the members of the `application/problem+json` object."""
        members: dict[str, Any] = {
            "type": "urn:tiku:problem:" + self.reason.lower().replace("_", "-"),
            "title": title(self.status),
            "status": self.status,
            "detail": self.detail,
            "reason": self.reason,
            "request_id": request_id,
        }
        if self.errors:
            members["errors"] = [{"field": e.field, "message": e.description} for e in self.errors]
        if self.metadata:
            members["metadata"] = self.metadata
        return members

    def response_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that belong to this problem."""
        if self.retry_after is None:
            return list(self.headers)
        return [*self.headers, (b"retry-after", b"%d" % max(1, math.ceil(self.retry_after)))]


def from_error(error: errors.TikuError) -> ProblemError:
    """Return the problem that a Tiku error becomes."""
    retry_after = error.retry_after
    if retry_after is None and error.status == "UNAVAILABLE":
        retry_after = _RETRY_AFTER_SECONDS
    return ProblemError(
        HTTP_STATUS_OF_REASON.get(error.reason) or HTTP_STATUS.get(error.status, 500),
        error.reason,
        error.message,
        errors=error.violations,
        metadata=error.metadata,
        retry_after=retry_after,
    )


def invalid(detail: str, *violations: errors.FieldViolation, reason: str = "INVALID_FIELD") -> ProblemError:
    """Return the problem of a request that breaks a rule."""
    return ProblemError(400, reason, detail, errors=violations)


def unexpected() -> ProblemError:
    """Return the problem of a fault of our own; it tells the client only that the fault happened."""
    return from_error(
        errors.Internal("Something went wrong on our side; the log has the details under this request's id.")
    )


def stopping() -> ProblemError:
    """Return the problem of a request that the gateway, which stops, has no time left for."""
    return from_error(errors.Unavailable("The gateway is stopping; try again.", reason="STOPPING"))


def title(status: int) -> str:
    """Return an HTTP status in words."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == 499 else "Error"
