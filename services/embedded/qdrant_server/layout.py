"""The number of a data folder's layout, so that data of a newer Tiku is refused instead of misread."""

from __future__ import annotations

from pathlib import Path

from services.embedded.qdrant_server.images import write_atomically
from services.kit.disk_room import NO_ROOM

LAYOUT = 1
"""The layout that this server writes. It is raised by a change that an older server would misread."""
_FILE = "layout"


class LayoutError(RuntimeError):
    """The data folder is not one that this server can read; the message says what to do."""


def damaged(file: Path) -> LayoutError:
    """Return the error of a file that cannot be read."""
    return LayoutError(f"{file} is damaged: restore the folder from a copy, or move the file away to go on without it")


def check_layout(data: Path) -> None:
    """Check that this server can read the folder `data`, and write its layout there; this blocks.

    A folder without a number is of layout 1: it is new, or older than the numbers.

    Raises:
        LayoutError: the folder comes from a newer version of Tiku, or its number cannot be read.
    """
    file = data / _FILE
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else "1"
    if not text.strip().isdecimal():
        raise LayoutError(f"{file} does not hold the number of a layout")
    if int(text) > LAYOUT:
        raise LayoutError(
            f"{data} comes from a newer version of Tiku: its layout is {int(text)}, and this one reads {LAYOUT}; start "
            "that version, or choose another folder"
        )
    if not file.exists() or int(text) < LAYOUT:
        try:
            write_atomically(file, f"{LAYOUT}\n".encode())
        except OSError as error:
            # A start on a full disk must go on: it reads.
            if error.errno not in NO_ROOM:
                raise
