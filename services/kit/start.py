"""What a process says when it cannot start."""

from __future__ import annotations


class StartError(RuntimeError):
    """A process cannot serve; the message is one line for the person who started it, and says what to do."""
