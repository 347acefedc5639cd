"""How a query scores points: Qdrant's variants of a query as Edge's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qdrant_edge as edge
from qdrant_client import grpc as pb

from services.embedded.qdrant_server.conversion import (
    AnyVector,
    PointId,
    finite,
    multi_vector,
    point_id,
    sparse_vector,
)
from services.embedded.qdrant_server.errors import not_found, not_served, serve_only, wrong_input
from services.embedded.qdrant_server.formulas import formula
from services.embedded.qdrant_server.recommendations import average

DEFAULT_RRF_K = 2
"""A Qdrant server's default: `segment::common::reciprocal_rank_fusion::DEFAULT_RRF_K`."""
DEFAULT_LIMIT = 10
"""The default of Qdrant's Query API."""
DEFAULT_MMR_DIVERSITY = 0.5
"""The default of Qdrant's Query API."""
MAX_MMR_CANDIDATES, MAX_MMR_PAIRS = 4_096, 400_000
"""Edge compares all candidates with one another, and those that it takes with all others: this is a quarter of a
second. A Qdrant server takes 16,384 candidates."""

VectorLookup = Callable[[str | None, PointId, str], AnyVector | None]
"""Takes a collection (None for the one that is queried), a point's id and a vector's name; returns the stored vector,
or None if there is none."""
AnyQuery = pb.QueryPoints | pb.PrefetchQuery


class Resolver:
    """Turns the vector inputs of a query into vectors, and remembers which points of its collection it looked up."""

    def __init__(self, message: AnyQuery, lookup: VectorLookup) -> None:
        self.referred: set[PointId] = set()
        self._lookup = lookup
        self._using = message.using
        self._collection: str | None = None
        if message.HasField("lookup_from"):
            serve_only(message.lookup_from, ("collection_name", "vector_name"))
            self._collection = message.lookup_from.collection_name
            if message.lookup_from.HasField("vector_name"):
                self._using = message.lookup_from.vector_name

    def vector(self, message: pb.VectorInput) -> AnyVector:
        """Return the vector that an input holds or refers to."""
        kind = message.WhichOneof("variant")
        if kind == "dense":
            return finite("query", list(message.dense.data))
        if kind == "sparse":
            return finite("query", sparse_vector(message.sparse.indices, message.sparse.values))
        if kind == "multi_dense":
            return finite("query", multi_vector(message.multi_dense))
        if kind == "id":
            identity = point_id(message.id)
            found = self._lookup(self._collection, identity, self._using)
            if found is None:
                raise not_found(f"No point with id {identity} found")
            if self._collection is None:
                self.referred.add(identity)
            return found
        if kind is None:
            raise wrong_input("Malformed VectorInput: no vector is set")
        raise not_served(f"VectorInput.{kind} (inference)")


def scoring(message: AnyQuery, lookup: VectorLookup) -> tuple[edge.ScoringQueryType | None, set[PointId]]:
    """Return a query's scoring and the points that it refers to: a point is not among those that are near it."""
    if not message.HasField("query"):
        return None, set()
    kind = message.query.WhichOneof("variant")
    if kind is None:
        raise wrong_input("Malformed Query: no variant is set")
    if kind not in _VARIANTS:
        raise not_served(f"Query.{kind}")
    resolver = Resolver(message, lookup)
    found = _VARIANTS[kind](message, resolver)
    return found, resolver.referred


def limit(message: AnyQuery) -> int:
    """Return how many points a query wants."""
    if not message.HasField("limit"):
        return DEFAULT_LIMIT
    if message.limit == 0:
        raise wrong_input("limit: must be at least 1")
    return int(message.limit)


def order_by(message: pb.OrderBy) -> edge.OrderBy:
    """Return an order by a payload field."""
    options: dict[str, Any] = {}
    if message.HasField("direction"):
        descending = message.direction == pb.Direction.Desc
        options["direction"] = edge.Direction.Desc if descending else edge.Direction.Asc
    if message.HasField("start_from"):
        kind = message.start_from.WhichOneof("value")
        if kind is None:
            raise wrong_input("OrderBy.start_from: no value is set")
        value = getattr(message.start_from, kind)
        options["start_from"] = value.ToJsonString() if kind == "timestamp" else value
    return edge.OrderBy(key=message.key, **options)


def _nearest(message: AnyQuery, resolver: Resolver) -> Any:
    return edge.Query.Nearest(resolver.vector(message.query.nearest), using=message.using)


def _fusion(message: AnyQuery, _: Resolver) -> Any:
    return edge.Fusion.Rrf(k=DEFAULT_RRF_K) if message.query.fusion == pb.Fusion.RRF else edge.Fusion.Dbsf()


def _rrf(message: AnyQuery, _: Resolver) -> Any:
    asked = message.query.rrf
    return edge.Fusion.Rrf(k=asked.k if asked.HasField("k") else DEFAULT_RRF_K, weights=list(asked.weights) or None)


def _mmr(message: AnyQuery, resolver: Resolver) -> Any:
    asked = message.query.nearest_with_mmr
    diversity = asked.mmr.diversity if asked.mmr.HasField("diversity") else DEFAULT_MMR_DIVERSITY
    if not 0 <= diversity <= 1:
        raise wrong_input("mmr.diversity: must be between 0 and 1")
    candidates = asked.mmr.candidates_limit if asked.mmr.HasField("candidates_limit") else limit(message)
    taken = limit(message) + (message.offset if isinstance(message, pb.QueryPoints) else 0)
    if candidates > MAX_MMR_CANDIDATES or candidates * min(taken, candidates) > MAX_MMR_PAIRS:
        raise wrong_input(
            f"mmr.candidates_limit: must be at most {MAX_MMR_CANDIDATES}, and times the limit at most {MAX_MMR_PAIRS}"
        )
    target = resolver.vector(asked.nearest)
    if isinstance(target, edge.SparseVector):
        raise not_served("Query.nearest_with_mmr with a sparse vector")
    return edge.Mmr(vector=target, lambda_=1 - diversity, candidates_limit=candidates, using=message.using)


def _recommend(message: AnyQuery, resolver: Resolver) -> Any:
    asked = message.query.recommend
    if not asked.positive and not asked.negative:
        raise wrong_input("recommend: needs at least one positive or negative example")
    averages = asked.strategy == pb.RecommendStrategy.AverageVector
    if averages and not asked.positive:
        raise wrong_input("recommend: needs at least one positive example for the strategy average_vector")
    positive = [resolver.vector(item) for item in asked.positive]
    negative = [resolver.vector(item) for item in asked.negative]
    if averages:
        return edge.Query.Nearest(average(positive, negative), using=message.using)
    query = edge.RecommendQuery(positive, negative)
    if asked.strategy == pb.RecommendStrategy.BestScore:
        return edge.Query.RecommendBestScore(query, using=message.using)
    return edge.Query.RecommendSumScores(query, using=message.using)


def _pairs(message: pb.ContextInput, resolver: Resolver) -> list[edge.ContextPair]:
    return [edge.ContextPair(resolver.vector(pair.positive), resolver.vector(pair.negative)) for pair in message.pairs]


def _discover(message: AnyQuery, resolver: Resolver) -> Any:
    asked = message.query.discover
    query = edge.DiscoverQuery(resolver.vector(asked.target), _pairs(asked.context, resolver))
    return edge.Query.Discover(query, using=message.using)


def _context(message: AnyQuery, resolver: Resolver) -> Any:
    return edge.Query.Context(edge.ContextQuery(_pairs(message.query.context, resolver)), using=message.using)


def _feedback(message: AnyQuery, resolver: Resolver) -> Any:
    asked = message.query.relevance_feedback
    if asked.strategy.WhichOneof("variant") != "naive":
        raise wrong_input("relevance_feedback.strategy: must be set")
    naive = asked.strategy.naive
    items = [edge.FeedbackItem(resolver.vector(item.example), item.score) for item in asked.feedback]
    strategy = edge.NaiveFeedbackStrategy(naive.a, naive.b, naive.c)
    query = edge.FeedbackNaiveQuery(resolver.vector(asked.target), items, strategy)
    return edge.Query.FeedbackNaive(query, using=message.using)


_VARIANTS: Mapping[str, Callable[[AnyQuery, Resolver], Any]] = {
    "nearest": _nearest,
    "fusion": _fusion,
    "rrf": _rrf,
    "order_by": lambda message, _: order_by(message.query.order_by),
    "sample": lambda _message, _resolver: edge.Sample.Random,
    "nearest_with_mmr": _mmr,
    "recommend": _recommend,
    "discover": _discover,
    "context": _context,
    "relevance_feedback": _feedback,
    "formula": lambda message, _: formula(message.query.formula),
}
