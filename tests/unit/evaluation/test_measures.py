from __future__ import annotations

import math

import pytest

from services.evaluation.measures import ndcg, quantile, recall, reciprocal_rank


def test_recall_is_a_share_of_what_is_relevant() -> None:
    assert recall([3, 1, 2], {1: 1.0, 9: 1.0}, 1) == 0
    assert recall([3, 1, 2], {1: 1.0, 9: 1.0}, 2) == 0.5


def test_the_first_relevant_passage_counts_if_it_is_among_the_first_ten() -> None:
    assert reciprocal_rank([3, 1, 2], {1: 1.0, 2: 1.0}) == 0.5
    assert reciprocal_rank([*range(10, 20), 1], {1: 1.0}) == 0


def test_gain_is_graded_and_discounted() -> None:
    relevant = {1: 3.0, 2: 1.0}
    assert ndcg([1, 2], relevant) == pytest.approx(1.0)
    assert ndcg([2, 1], relevant) == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))
    assert ndcg([5], relevant) == 0


def test_quantiles() -> None:
    assert quantile([5, 1, 3], 0.5) == 3
    assert quantile([5, 1, 3], 1.0) == 5
