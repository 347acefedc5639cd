from __future__ import annotations

import itertools

import pytest

from services.retrieval.domain.search.fusion import attributed, fuse
from services.retrieval.values.chunk import LegHit
from tests.unit.retrieval.fakes import hit


def test_scores_are_sums_of_reciprocal_ranks() -> None:
    a, b, c = (hit(text, i) for i, text in enumerate("abc"))
    fused = fuse({"vector": [a, b], "graph": [b, c]}, 10)
    assert [h.chunk.text for h in fused] == ["b", "a", "c"]
    assert fused[0].score == pytest.approx(1 / 62 + 1 / 61)
    assert fused[1].score == pytest.approx(1 / 61)
    assert fused[0].legs == (LegHit("graph", 1, b.score), LegHit("vector", 2, b.score))
    assert fused[2].legs == (LegHit("graph", 2, c.score),)


def test_the_cosine_survives_whichever_leg_comes_first() -> None:
    vector = hit("a", score=0.87)
    graph = type(vector)(vector.chunk, 5.0)
    for rankings in ({"graph": [graph], "vector": [vector]}, {"vector": [vector], "graph": [graph]}):
        assert fuse(rankings, 1)[0].similarity == 0.87


def test_order_of_legs_and_ties_do_not_change_the_result() -> None:
    lists = {"x": [hit("a", 0), hit("b", 1)], "y": [hit("b", 1), hit("a", 0)], "z": [hit("c", 2)]}
    results = [[h.chunk.chunk_id for h in fuse(dict(order), 10)] for order in itertools.permutations(lists.items())]
    assert all(result == results[0] for result in results)


def test_a_leg_alone_says_its_rank_and_score() -> None:
    found = attributed("words", [hit("a", 0, 7.5), hit("b", 1, 2.5)])
    assert [h.legs for h in found] == [(LegHit("words", 1, 7.5),), (LegHit("words", 2, 2.5),)]


def test_limit_and_nothing() -> None:
    assert len(fuse({"x": [hit(str(i), i) for i in range(9)]}, 4)) == 4
    assert fuse({"x": []}, 4) == []
