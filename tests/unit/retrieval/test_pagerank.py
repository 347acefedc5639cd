"""Personalized PageRank by local push."""

from __future__ import annotations

import random

import numpy as np
import pytest

from services.retrieval.domain.graph.pagerank import personalized_pagerank

Edges = dict[int, dict[int, float]]


def random_graph(nodes: int, edges: int, seed: int) -> Edges:
    draw = random.Random(seed)  # noqa: S311 - a graph, not a secret
    found: Edges = {node: {} for node in range(nodes)}
    for _ in range(edges):
        one, other = draw.sample(range(nodes), 2)
        found[one][other] = found[other][one] = draw.uniform(0.1, 2.0)
    return found


def by_iteration(edges: Edges, seeds: dict[int, float], damping: float) -> np.ndarray:
    """The same by powers of the transition matrix."""
    count = len(edges)
    start = np.array([seeds.get(node, 0.0) for node in range(count)])
    start /= start.sum()
    rank = start
    step = np.zeros((count, count))
    for node, neighbors in edges.items():
        for neighbor, weight in neighbors.items():
            step[neighbor, node] = weight / sum(neighbors.values())
    for _ in range(200):
        rank = (1 - damping) * start + damping * step @ rank
    return rank


@pytest.mark.parametrize("damping", [0.3, 0.5, 0.85])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_iteration_finds_but_for_its_precision(damping: float, seed: int) -> None:
    edges = random_graph(40, 120, seed)
    seeds = {0: 2.0, 7: 1.0}
    found = personalized_pagerank(edges, seeds, damping=damping, precision=1e-8, most_pushes=10**6)
    expected = by_iteration(edges, seeds, damping)
    assert np.allclose([found.get(node, 0.0) for node in range(40)], expected, atol=1e-4)


def test_what_is_nearer_ranks_higher_and_what_is_not_connected_has_no_rank() -> None:
    chain: Edges = {0: {1: 1.0}, 1: {0: 1.0, 2: 1.0}, 2: {1: 1.0, 3: 1.0}, 3: {2: 1.0}, 4: {5: 1.0}, 5: {4: 1.0}}
    rank = personalized_pagerank(chain, {0: 1.0})
    assert rank[0] > rank[1] > rank[2] > rank[3] > 0
    assert not {4, 5} & rank.keys()


def test_heavier_seeds_and_edges_lead_further() -> None:
    star: Edges = {0: {1: 3.0, 2: 1.0}, 1: {0: 3.0}, 2: {0: 1.0}, 3: {4: 1.0}, 4: {3: 1.0}}
    rank = personalized_pagerank(star, {0: 3.0, 3: 1.0})
    assert rank[1] > rank[2]
    assert rank[0] > rank[3]


def test_work_does_not_grow_with_the_graph() -> None:
    touched = [
        len(personalized_pagerank(random_graph(nodes, 3 * nodes, 1), {0: 1.0}, precision=1e-2))
        for nodes in (100, 5_000)
    ]
    assert max(touched) <= 100


def test_pushes_are_bounded() -> None:
    edges = random_graph(500, 3_000, 2)
    assert len(personalized_pagerank(edges, {0: 1.0}, precision=1e-9, most_pushes=10)) <= 10


@pytest.mark.parametrize("seeds", [{}, {0: 0.0}, {0: -1.0}])
def test_without_a_seed_nothing_is_near(seeds: dict[int, float]) -> None:
    assert personalized_pagerank({0: {1: 1.0}, 1: {0: 1.0}}, seeds) == {}


def test_a_walk_may_end_at_a_node_without_edges() -> None:
    rank = personalized_pagerank({0: {1: 1.0}}, {0: 1.0}, damping=0.5)
    assert rank == {0: 0.5, 1: 0.5}
