"""Personalized PageRank by local push: what lies near some nodes of a graph, at a cost that its size leaves alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TypeVar

Node = TypeVar("Node")


def personalized_pagerank(
    edges: Mapping[Node, Mapping[Node, float]],
    seeds: Mapping[Node, float],
    *,
    damping: float = 0.5,
    precision: float = 1e-4,
    most_pushes: int = 20_000,
) -> dict[Node, float]:
    """Return how near nodes are to the seeds: the share of its time that a walker spends at each.

    A walker starts at a seed, drawn by weight, follows an edge, drawn by weight, with probability `damping`, and starts
    anew otherwise. `edges` hold the weights of each node's neighbors; a node without any is where a walk ends. What a
    node holds is passed on while it is more than `precision` for each of its edges, so at most `1 / precision` edges
    matter: Andersen, Chung and Lang, "Local graph partitioning using PageRank vectors", FOCS 2006.
    """
    total = sum(weight for weight in seeds.values() if weight > 0)
    rank: dict[Node, float] = {}
    left = {node: weight / total for node, weight in seeds.items() if weight > 0}
    waiting = deque(sorted(left, key=lambda node: -left[node]))
    queued = set(waiting)
    for _ in range(most_pushes):
        if not waiting:
            break
        node = waiting.popleft()
        queued.discard(node)
        held = left.pop(node, 0.0)
        neighbors = edges.get(node, {})
        rank[node] = rank.get(node, 0.0) + held * (1 - damping if neighbors else 1.0)
        share = held * damping / sum(neighbors.values()) if neighbors else 0.0
        for neighbor, weight in neighbors.items():
            left[neighbor] = left.get(neighbor, 0.0) + share * weight
            enough = left[neighbor] > precision * max(1, len(edges.get(neighbor, {})))
            if enough and neighbor not in queued:
                waiting.append(neighbor)
                queued.add(neighbor)
    return rank
