"""What ends a backup, a restore or a check."""

from __future__ import annotations


class UpkeepError(RuntimeError):
    """It cannot be done; the message is one line that says why, and what to do."""
