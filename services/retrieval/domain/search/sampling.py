"""An even spread over documents: what to read when no topic is asked for, such as in "ask about all of it"."""

from __future__ import annotations

from collections.abc import Sequence


def allot(counts: Sequence[int], limit: int) -> list[int]:
    """Share `limit` passages among documents by chunk counts (largest remainder), at least one each if possible."""
    total = sum(counts)
    if total <= limit:
        return list(counts)
    shares = [count * limit / total for count in counts]
    allotted = [int(share) for share in shares]
    # Documents that round to nothing come first, then the largest remainders.
    order = sorted(
        (i for i, count in enumerate(counts) if count > 0), key=lambda i: (allotted[i] > 0, allotted[i] - shares[i], i)
    )
    for i in order[: limit - sum(allotted)]:
        allotted[i] += 1
    for i in [i for i in order if allotted[i] == 0]:
        richest = allotted.index(max(allotted))
        if allotted[richest] <= 1:
            break
        allotted[richest] -= 1
        allotted[i] = 1
    return allotted


def spread(count: int, wanted: int) -> list[int]:
    """Return `wanted` ordinals of `count`, in order, each in the middle of its equal share of the document."""
    wanted = min(count, wanted)
    return [(2 * i + 1) * count // (2 * wanted) for i in range(wanted)]
