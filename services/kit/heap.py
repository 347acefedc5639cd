"""Keeps the objects that a process has from its start out of the garbage collector's way."""

from __future__ import annotations

import gc

YOUNG = 2_500
"""Number of new objects after which the collector examines them, which takes about half a millisecond. At Python's
default of 700, a process with hundreds of open streams spent a tenth of its time on it."""
MIDDLE = 3
"""Examinations after which what they left is examined again: 10,000 objects at most, in two milliseconds. A hundred
thousand, as when a thousand streams began at once, held the loop for 46."""
OLD = 100
"""Those after which all that is alive is examined, which takes longest: after a million objects. What lives that long
is freed when it ends, unless it is part of a cycle."""


def settle() -> None:
    """Exempt every object that is alive now from garbage collection, for good; call it before the loop runs.

    A full collection walks every object of the process, and the loop stalls meanwhile. The modules, classes and
    generated code of a service are 45,000 to 115,000 objects, which take 10 to 70 ms, and none of them becomes garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


def keep() -> None:
    """Exempt what was made since `settle` as well; call it when a process has begun to serve.

    What a service builds and imports at its start is as many objects again, and stays as long as it serves.
    """
    gc.freeze()
