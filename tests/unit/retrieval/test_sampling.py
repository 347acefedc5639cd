from __future__ import annotations

import itertools
import random

import pytest

from services.retrieval.domain.search.sampling import allot, spread


@pytest.mark.parametrize(
    ("counts", "limit", "expected"),
    [
        ([10], 3, [3]),
        ([2, 3], 10, [2, 3]),
        ([90, 10], 10, [9, 1]),
        ([1000, 1], 4, [3, 1]),
        ([0, 5], 3, [0, 3]),
        ([5, 5, 5], 2, [1, 1, 0]),
        ([0, 0], 5, [0, 0]),
        ([1, 1, 100], 5, [1, 1, 3]),
    ],
)
def test_allot(counts: list[int], limit: int, expected: list[int]) -> None:
    assert allot(counts, limit) == expected


def test_allot_always_shares_all_and_starves_no_document_without_need() -> None:
    generator = random.Random(7)  # noqa: S311 - repeatable cases
    for _ in range(2000):
        counts = [generator.choice([0, 1, 2, 5, 40, 900]) for _ in range(generator.randint(1, 12))]
        limit = generator.randint(1, 60)
        shares = allot(counts, limit)
        assert sum(shares) == min(limit, sum(counts))
        assert all(0 <= share <= count for share, count in zip(shares, counts, strict=True))
        if limit >= sum(count > 0 for count in counts):
            assert all(share > 0 for share, count in zip(shares, counts, strict=True) if count > 0)


@pytest.mark.parametrize(
    ("count", "wanted", "expected"),
    [(10, 1, [5]), (10, 2, [2, 7]), (3, 3, [0, 1, 2]), (2, 5, [0, 1]), (0, 3, []), (5, 0, [])],
)
def test_spread(count: int, wanted: int, expected: list[int]) -> None:
    assert spread(count, wanted) == expected


def test_spread_is_even() -> None:
    ordinals = spread(997, 10)
    gaps = [b - a for a, b in itertools.pairwise(ordinals)]
    assert len(set(ordinals)) == 10
    assert max(gaps) - min(gaps) <= 1
