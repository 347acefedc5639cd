"""When a job is tried again, and what it fails with in the end."""

from __future__ import annotations

from dataclasses import dataclass

from services.docs.domain.wording.wording import told
from services.docs.ports import RetryLaterError
from services.docs.values.document import Failure
from services.kit.errors import DeadlineExceeded, ResourceExhausted, TikuError, Unavailable

BUSY_SECONDS = 2.0
"""Wait for a document that another worker has."""
_TRANSIENT = (Unavailable, ResourceExhausted, DeadlineExceeded)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    """A job that makes no progress in `attempts` tries fails.

    It waits `first_delay` seconds before the second try, then twice as long each time, at most `longest_delay` seconds.
    """

    attempts: int = 8
    first_delay: float = 1.0
    longest_delay: float = 30.0

    def failure(self, error: TikuError | None, tries: int) -> Failure:
        """Return what a job fails with after so many `tries` without progress; None is an unexpected error.

        Raises:
            RetryLaterError: the error may pass, and there are tries left.
        """
        transient = error is None or isinstance(error, _TRANSIENT)
        if transient and tries < self.attempts:
            delay = min(self.first_delay * 2 ** (tries - 1), self.longest_delay)
            reason = error.reason if error else "an unexpected error"
            raise RetryLaterError(max(delay, (error and error.retry_after) or 0.0), reason)
        return (
            Failure(error.reason, error.message, error.metadata) if error else Failure("INTERNAL", told("INTERNAL", {}))
        )
