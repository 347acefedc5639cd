"""The order in which shapes that stand on a page are read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

T = TypeVar("T")

_OVERLAP = 0.25
"""Shapes that share less than so much of the smaller one's extent are one after the other, not side by side."""
_HEADER_SHARE = 0.5
"""What stands over something at least twice as high belongs to it, as a heading does."""


class Box(NamedTuple):
    """Where a shape stands, in any unit."""

    left: int
    top: int
    right: int
    bottom: int


_Placed = tuple[Box, T]


def in_reading_order(shapes: Sequence[tuple[Box | None, T]]) -> list[T]:
    """Order shapes row by row from the top, and in a row from the left; columns that stand apart are read one by one.

    Shapes side by side that are headings of what stands below each are read with it. A shape without a place comes
    before the rest, in its own order.
    """
    loose = [shape for box, shape in shapes if box is None]
    return loose + [shape for _, shape in _ordered([(box, shape) for box, shape in shapes if box is not None])]


def _ordered(shapes: list[_Placed[T]]) -> list[_Placed[T]]:
    if len(shapes) < 2:
        return shapes
    bands = _cut(shapes, across=True)
    if len(bands) == 1:
        columns = _cut(shapes, across=False)
        if len(columns) == 1:
            return sorted(shapes, key=lambda placed: (placed[0].top, placed[0].left))
        return [placed for column in columns for placed in _ordered(column)]
    ordered: list[_Placed[T]] = []
    at = 0
    while at < len(bands):
        columns = _headed_columns(bands[at], bands[at + 1]) if at + 1 < len(bands) else []
        for column in columns or [bands[at]]:
            ordered += _ordered(column) if not columns else column
        at += 2 if columns else 1
    return ordered


def _cut(shapes: list[_Placed[T]], *, across: bool) -> list[list[_Placed[T]]]:
    """Part shapes by straight lines that cross none of them: `across` the page into bands, else into columns."""

    def span(box: Box) -> tuple[int, int]:
        return (box.top, box.bottom) if across else (box.left, box.right)

    parts: list[list[_Placed[T]]] = []
    end = smallest = 0
    for placed in sorted(shapes, key=lambda placed: span(placed[0])):
        begin, own_end = span(placed[0])
        extent = own_end - begin
        if parts and begin < end - _OVERLAP * min(smallest, extent) and (end - begin > 0):
            parts[-1].append(placed)
            end, smallest = max(end, own_end), min(smallest, extent)
        else:
            parts.append([placed])
            end, smallest = own_end, extent
    return parts


def _headed_columns(above: list[_Placed[T]], below: list[_Placed[T]]) -> list[list[_Placed[T]]]:
    """Return columns of a heading and what stands below it, or nothing where two bands are no such columns."""
    above, below = (sorted(band, key=lambda placed: placed[0].left) for band in (above, below))
    if len(above) < 2 or len(above) != len(below):
        return []
    pairs = list(zip(above, below, strict=True))
    for (head, _), (body, _) in pairs:
        shared = min(head.right, body.right) - max(head.left, body.left)
        low = head.bottom - head.top <= _HEADER_SHARE * (body.bottom - body.top)
        if not low or shared * 2 < min(head.right - head.left, body.right - body.left):
            return []
    apart = all(
        left[0].right <= right[0].left + _OVERLAP * (right[0].right - right[0].left) for left, right in pairwise(below)
    )
    return [list(pair) for pair in pairs] if apart else []
