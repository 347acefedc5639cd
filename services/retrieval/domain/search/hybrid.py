"""Passages to read: legs in parallel, fused by rank, reranked; or an even spread when there is no question."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace

from services.kit import context
from services.kit.errors import DeadlineExceeded, FieldViolation, InvalidArgument, TikuError, Unavailable
from services.retrieval.domain.search.sampling import allot, spread
from services.retrieval.ports import Leg, Reranker, VectorStore
from services.retrieval.values.chunk import Hit, LegQuery

logger = logging.getLogger(__name__)

SPREAD = "spread"
RERANK = "rerank"
_RRF_K = 60
"""The constant of the paper that `fuse` names."""
_MOST_CANDIDATES = 200
"""Hits that a leg is asked for at most, and that are fused and reranked."""


def require_text(field: str, text: str) -> None:
    """Refuse a text without anything to look for; `field` is its name in the request.

    Raises:
        InvalidArgument: there is white space only.
    """
    if not text.strip():
        raise _refusal(field, "must hold more than white space")


def _refusal(field: str, rule: str) -> InvalidArgument:
    return InvalidArgument(f"{field} {rule}.", violations=[FieldViolation(field, rule)])


def fuse(rankings: Mapping[str, Sequence[Hit]], limit: int) -> list[Hit]:
    """Fuse one ranking a leg into at most `limit` hits, best first, by the sum of `1 / (60 + rank)`, ranks from 1.

    Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual rank learning methods",
    SIGIR 2009. Equal scores are ordered by cosine and chunk id: which leg answered first must not matter.
    """
    scores: dict[str, float] = {}
    hits: dict[str, Hit] = {}
    legs: dict[str, tuple[str, ...]] = {}
    for leg in sorted(rankings):
        for rank, hit in enumerate(rankings[leg], start=1):
            key = hit.chunk.chunk_id
            scores[key] = scores.get(key, 0.0) + 1.0 / (_RRF_K + rank)
            legs[key] = (*legs.get(key, ()), leg)
            known = hits.get(key)
            if known is None or (known.similarity is None and hit.similarity is not None):
                hits[key] = hit

    def order(key: str) -> tuple[float, float, str]:
        similarity = hits[key].similarity
        return (-scores[key], -(similarity if similarity is not None else -1.0), key)

    best = sorted(hits, key=order)[:limit]
    return [replace(hits[key], score=scores[key], legs=legs[key]) for key in best]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found, by which legs, and which legs are missing from it."""

    hits: list[Hit]
    legs: tuple[str, ...]
    failed_legs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HybridRetriever:
    """Asks every leg at once; a slow or broken leg costs its own hits and nothing else.

    `leg_timeout` and `rerank_timeout` are seconds. With a deadline on the request, the legs get at most 70 % of what
    is left when a reranker follows and 90 % otherwise, so that time remains for the answer.
    """

    _legs: Sequence[Leg]
    _store: VectorStore
    reranker: Reranker | None = None
    _: KW_ONLY
    leg_timeout: float = 10.0
    rerank_timeout: float = 10.0

    async def retrieve(self, query: LegQuery) -> Retrieval:
        """Return at most `query.limit` hits, best first; in reading order when the text is blank.

        Raises:
            InvalidArgument: both text and documents are missing.
            DeadlineExceeded: no leg answered in time.
            TikuError: the only leg failed; the error is its own.
            Unavailable: every one of several legs failed.
        """
        if not query.text.strip():
            return await self._spread(query)
        alone = len(self._legs) == 1 and self.reranker is None
        depth = query.limit if alone else min(_MOST_CANDIDATES, query.limit * 4)
        rankings, failures = await self._ask(replace(query, limit=depth))
        failed = tuple(failures)
        if not rankings:
            raise _error_of(list(failures.values()))
        hits = fuse(rankings, depth)
        if self.reranker is not None and hits:
            try:
                hits = await self._rerank(self.reranker, query.text, hits)
            except (TikuError, TimeoutError) as error:
                logger.warning("rerank failed, the fused order stands", extra={"error": repr(error)})
                failed = (*failed, RERANK)
        return Retrieval(hits[: query.limit], tuple(rankings), failed)

    async def _ask(self, query: LegQuery) -> tuple[dict[str, list[Hit]], dict[str, Exception]]:
        budget = context.time_for(self.leg_timeout, 0.9 if self.reranker is None else 0.7)
        rankings: dict[str, list[Hit]] = {}
        failures: dict[str, Exception] = {}

        async def run(leg: Leg) -> None:
            try:
                async with asyncio.timeout(budget):
                    rankings[leg.name] = await leg.find(query)
            except Exception as error:
                # Any fault of one leg costs its passages, not the request; cancellation passes through.
                failures[leg.name] = error
                known = isinstance(error, TikuError | TimeoutError)
                logger.warning(
                    "leg failed", extra={"leg": leg.name, "error": repr(error)}, exc_info=None if known else error
                )

        async with asyncio.TaskGroup() as group:
            for leg in self._legs:
                group.create_task(run(leg))
        return rankings, failures

    async def _rerank(self, reranker: Reranker, text: str, hits: list[Hit]) -> list[Hit]:
        async with asyncio.timeout(context.time_for(self.rerank_timeout, 0.9)):
            ranked = await reranker.rerank(text, [hit.chunk.text for hit in hits])
        return [replace(hits[index], score=score) for index, score in ranked]

    async def _spread(self, query: LegQuery) -> Retrieval:
        if not query.document_ids:
            raise _refusal("filter.document_ids", "must name documents when the query is empty")
        counts = await self._store.count(query.owner, query.document_ids)
        shares = allot(counts, query.limit)
        positions = {
            document_id: spread(count, wanted)
            for document_id, count, wanted in zip(query.document_ids, counts, shares, strict=True)
        }
        chunks = await self._store.read(query.owner, positions)
        return Retrieval([Hit(chunk, 0.0, (SPREAD,)) for chunk in chunks[: query.limit]], (SPREAD,))


def _error_of(failures: Sequence[Exception]) -> Exception:
    """Return the error of a retrieval in which every leg failed: a leg's own where there is one leg."""
    if all(isinstance(error, TimeoutError | DeadlineExceeded) for error in failures):
        return DeadlineExceeded("No leg of the retrieval answered in time.", reason="RETRIEVAL_TIMEOUT")
    if len(failures) == 1:
        return failures[0]
    return Unavailable("Every leg of the retrieval failed.", reason="RETRIEVAL_FAILED", retry_after=1.0)
