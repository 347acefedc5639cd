"""Passages to read: legs in parallel, fused, reranked; or an even spread when there is no question."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Sequence
from dataclasses import KW_ONLY, dataclass, replace

from services.kit import context
from services.kit.concurrency import ahead
from services.kit.errors import (
    DataLoss,
    DeadlineExceeded,
    FieldViolation,
    InvalidArgument,
    ResourceExhausted,
    TikuError,
    Unavailable,
)
from services.language.detection import language_of
from services.language.scripts import says_something
from services.retrieval.domain.search.diversity import diversified
from services.retrieval.domain.search.fusion import Fused, fuse
from services.retrieval.domain.search.sampling import allot, spread
from services.retrieval.ports import Leg, Reranker, VectorStore
from services.retrieval.values.chunk import EVERYWHERE, Hit, LegHit, LegQuery, LegReport

logger = logging.getLogger(__name__)

SPREAD = "spread"
RERANK = "rerank"
FUSED = "fused"
_MOST_CANDIDATES = 200
"""Hits that a leg is asked for at most."""
_DIVERSIFIED = 3
"""Times as many hits as are asked for, among which those that differ are looked for."""
_RERANKED = 4
"""Times as many hits as are asked for, which a reranker reads."""
_LEAST_CANDIDATES = 40
"""Hits that each of several legs is asked for at least: what one finds first, another may find late."""


def require_text(field: str, text: str) -> None:
    """Refuse a text without anything to look for; `field` is its name in the request.

    Raises:
        InvalidArgument: there is white space and punctuation only.
    """
    if not says_something(text):
        raise _refusal(field, "must hold more than white space and punctuation")


def _refusal(field: str, rule: str) -> InvalidArgument:
    return InvalidArgument(f"{field} {rule}.", violations=[FieldViolation(field, rule)])


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found, and how each leg went, in the order in which they were configured.

    `candidates` is all that the legs found, best first: the hits are the first of them, unless they were reranked.
    """

    hits: Sequence[Hit]
    legs: tuple[LegReport, ...]
    candidates: Sequence[Hit] = ()


@dataclass(frozen=True, slots=True)
class _Run:
    """One leg's part in a retrieval: what it found, or the error that ended it."""

    report: LegReport
    hits: Sequence[Hit] = ()
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class HybridRetriever:
    """Asks every leg at once; a slow or broken leg costs its own hits and nothing else.

    `leg_timeout` and `rerank_timeout` are seconds. With a deadline on the request, the legs get at most 70 % of what
    is left when a reranker follows and 90 % otherwise, so that time remains for the answer. The first
    `rerank_candidates` hits are reranked, by default four times as many as are asked for, and the others follow them.

    `outside` are legs whose passages belong to no document: they are asked only where nothing narrows the search.
    `across` is a leg for passages in another language than the question's: it is asked where the other legs found some.
    """

    _legs: Sequence[Leg]
    _store: VectorStore
    reranker: Reranker | None = None
    _: KW_ONLY
    leg_timeout: float = 10.0
    rerank_timeout: float = 10.0
    rerank_candidates: int | None = None
    outside: Sequence[Leg] = ()
    across: Leg | None = None

    async def retrieve(self, query: LegQuery, diversity: float = 0.0) -> Retrieval:
        """Return at most `query.limit` hits, best first; in reading order when the text is blank.

        With `diversity`, up to 1, a hit that says what one before it says comes later, or not at all.

        Raises:
            InvalidArgument: both text and documents are missing, or the text is punctuation only.
            DeadlineExceeded: no leg answered in time.
            TikuError: the only leg failed; the error is its own.
            Unavailable: every one of several legs failed.
        """
        if not query.text.strip():
            return await self._spread(query)
        require_text("query", query.text)
        legs = [*self._legs, *(self.outside if query.where == EVERYWHERE else ())]
        alone = len(legs) == 1 and self.reranker is None and not diversity
        depth = query.limit if alone else min(_MOST_CANDIDATES, max(_LEAST_CANDIDATES, query.limit * 4))
        runs = await self._ask(legs, replace(query, limit=depth))
        failures = [run.error for run in runs if run.error is not None]
        if len(failures) == len(runs):
            raise _error_of(failures)
        runs += await self._ask_across(runs, replace(query, limit=depth))
        reports = [run.report for run in runs]
        rankings = {run.report.leg: run.hits for run in runs if run.error is None}
        candidates = fuse(query.text, rankings)
        wanted = min(depth, query.limit * (_DIVERSIFIED if diversity else 1))
        hits: Sequence[Hit] | None = None
        if self.reranker is not None and candidates:
            read = min(depth, self.rerank_candidates or query.limit * _RERANKED)
            reranking = await _run(RERANK, self._rerank(self.reranker, query.text, candidates, read, wanted))
            reports.append(reranking.report)
            if reranking.error is None:
                hits = _followed(reranking.hits, candidates[read:wanted])
        if hits is None:
            hits = candidates[:wanted]
        if diversity:
            hits = await diversified(hits, diversity, query.limit)
        return Retrieval(hits, tuple(reports), candidates)

    async def _ask(self, legs: Sequence[Leg], query: LegQuery) -> list[_Run]:
        budget = context.time_for(self.leg_timeout, 0.9 if self.reranker is None else 0.7)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_run(leg.name, _within(budget, leg.find(query)))) for leg in legs]
        return [task.result() for task in tasks]

    async def _ask_across(self, runs: Sequence[_Run], query: LegQuery) -> list[_Run]:
        """Ask the leg across languages, if there is one and the others found what it is for."""
        if self.across is None:
            return []
        asked = language_of(query.text)
        foreign = any(language_of(hit.chunk.text) != asked for run in runs for hit in run.hits)
        return await self._ask([self.across], query) if foreign else []

    async def _rerank(self, reranker: Reranker, text: str, candidates: Fused, read: int, wanted: int) -> list[Hit]:
        """Return the best `wanted` of the first `read` candidates."""
        async with asyncio.timeout(context.time_for(self.rerank_timeout, 0.9)):
            ranked = await reranker.rerank(text, candidates.texts(read))
        return [_reranked(candidates[index], index + 1, score) for index, score in ranked[:wanted]]

    async def _spread(self, query: LegQuery) -> Retrieval:
        documents = query.where.document_ids
        if not documents:
            raise _refusal("filter.document_ids", "must name documents when the query is empty")
        started = time.perf_counter()
        extents = await self._store.extents(query.owner, query.where)
        shares = allot([len(extent) for extent in extents], query.limit)
        positions = {
            document_id: [extent[i] for i in spread(len(extent), wanted)]
            for document_id, extent, wanted in zip(documents, extents, shares, strict=True)
        }
        chunks = (await self._store.read(query.owner, positions))[: query.limit]
        hits = [Hit(chunk, 0.0, (LegHit(SPREAD, rank, 0.0),)) for rank, chunk in enumerate(chunks, start=1)]
        return Retrieval(hits, (LegReport(SPREAD, len(hits), _elapsed_ms(started)),))


def _reranked(hit: Hit, rank: int, score: float) -> Hit:
    """Return a hit with the reranker's score; `rank` is its place, from 1, before."""
    return replace(hit, score=score, legs=(*hit.legs, LegHit(FUSED, rank, hit.score)))


def _followed(reranked: Sequence[Hit], others: Sequence[Hit]) -> list[Hit]:
    """Return reranked hits before those that no reranker saw, whose scores are lowered to the last of the first."""
    least = reranked[-1].score if reranked else 0.0
    return [*reranked, *(replace(hit, score=min(hit.score, least)) for hit in others)]


async def _within(seconds: float, work: Awaitable[list[Hit]]) -> list[Hit]:
    with ahead():
        async with asyncio.timeout(seconds):
            return await work


async def _run(leg: str, work: Awaitable[list[Hit]]) -> _Run:
    """Await what a leg finds; any fault of it costs its passages, not the request. Cancellation passes through."""
    started = time.perf_counter()
    try:
        hits = await work
    except Exception as error:
        known = isinstance(error, TikuError | TimeoutError)
        # What is left out under load is no fault, and is told in the answer.
        level = logging.DEBUG if isinstance(error, ResourceExhausted) else logging.WARNING
        logger.log(level, "leg failed", extra={"leg": leg, "error": repr(error)}, exc_info=None if known else error)
        return _Run(LegReport(leg, 0, _elapsed_ms(started), _reason_of(error)), error=error)
    return _Run(LegReport(leg, len(hits), _elapsed_ms(started)), hits)


def _reason_of(error: Exception) -> str:
    if isinstance(error, TikuError):
        return error.reason
    return "LEG_TIMEOUT" if isinstance(error, TimeoutError) else "LEG_FAILED"


def _elapsed_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1e3


def _error_of(failures: Sequence[Exception]) -> Exception:
    """Return the error of a retrieval in which every leg failed: a leg's own where all of them say the same.

    That stored passages are damaged is said in any case, since it does not pass by itself.
    """
    if all(isinstance(error, TimeoutError | DeadlineExceeded) for error in failures):
        return DeadlineExceeded("No leg of the retrieval answered in time.", reason="RETRIEVAL_TIMEOUT")
    lost = [error for error in failures if isinstance(error, DataLoss)]
    if lost or len({_reason_of(error) for error in failures}) == 1:
        return (lost or failures)[0]
    return Unavailable("Every leg of the retrieval failed.", reason="RETRIEVAL_FAILED", retry_after=1.0)
