"""Errors that a client may see.

The domain raises these, and `kit.rpc_errors` turns them into a gRPC status at the edge. `message` is written for the
client: it names the field and the rule, and never quotes a driver. `reason` is stable; by default it is the status.

Their names are those of gRPC's statuses, as the contract and the logs show them, and so have no suffix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple


class FieldViolation(NamedTuple):
    """One field of a request that breaks a rule."""

    field: str
    description: str


class TikuError(Exception):
    """The base of every error that a client may see; each subclass names a gRPC status."""

    status: ClassVar[str] = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.status
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after
        """Seconds after which trying again makes sense; None when it does not."""


class InvalidArgument(TikuError):
    """The request is wrong whatever the system's state."""

    status = "INVALID_ARGUMENT"


class NotFound(TikuError):
    """What the request names does not exist, or the caller may not know that it does."""

    status = "NOT_FOUND"


class AlreadyExists(TikuError):
    """What the request would create exists already."""

    status = "ALREADY_EXISTS"


class FailedPrecondition(TikuError):
    """The system's state does not allow the request, and trying again does not help."""

    status = "FAILED_PRECONDITION"


class PermissionDenied(TikuError):
    """The caller is known but not allowed to do this."""

    status = "PERMISSION_DENIED"


class Unauthenticated(TikuError):
    """Nothing tells who the caller is."""

    status = "UNAUTHENTICATED"


class ResourceExhausted(TikuError):
    """A limit is reached; `retry_after` says when to try again."""

    status = "RESOURCE_EXHAUSTED"


class DeadlineExceeded(TikuError):
    """The caller's time is spent."""

    status = "DEADLINE_EXCEEDED"


class Unavailable(TikuError):
    """Something that the request needs does not answer; trying again may help."""

    status = "UNAVAILABLE"


class Aborted(TikuError):
    """Another change came first."""

    status = "ABORTED"


class OutOfRange(TikuError):
    """A position is past the end."""

    status = "OUT_OF_RANGE"


class Unimplemented(TikuError):
    """The contract declares the call, and this version does not serve it."""

    status = "UNIMPLEMENTED"


class DataLoss(TikuError):
    """What was stored can no longer be read."""

    status = "DATA_LOSS"


class Internal(TikuError):
    """Tiku itself is at fault."""

    status = "INTERNAL"


class Cancelled(TikuError):
    """The work was canceled by whoever asked for it."""

    status = "CANCELLED"


BY_STATUS: Mapping[str, type[TikuError]] = {error.status: error for error in TikuError.__subclasses__()}
"""The errors above by their gRPC status."""

DISK_FULL = "DISK_FULL"
"""The reason of a write that was refused because the disk is nearly full."""


def disk_full() -> ResourceExhausted:
    """Return the error of a write for which the disk has no room."""
    return ResourceExhausted(
        "The disk is full, so nothing new can be stored. Make room on it, or delete documents or exercises; what is "
        "stored can be read meanwhile.",
        reason=DISK_FULL,
    )
