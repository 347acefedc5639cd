"""Measuring retrieval on a question set, through the public API of a stack that runs."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from services.client.rest import TikuClient
from services.evaluation.sets import Question, QuestionSet
from services.kit.concurrency import gather
from tiku.llm.v1 import llm_pb2
from tiku.retrieval.v1 import retrieval_pb2 as pb

FUSED = "fused"
SIZES = (10, 100, 1_000, 10_000)
"""Passages of the libraries in which refusal is measured."""
_DEPTH = 50
"""Hits asked for: what a leg has among its first ten is in them."""
_BATCH = 64
_AT_ONCE = 4

OnStep = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how much."""


@dataclass(slots=True)
class Rankings:
    """What each leg found, and what came of it: positions of passages, best first, a list a question."""

    ranked: dict[str, list[list[int]]] = field(default_factory=lambda: defaultdict(list))
    elapsed_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True)
class Refusals:
    """Over a library of `passages`: the shares of questions refused whose passage is there, and of those not there."""

    passages: int
    answerable: float
    unanswerable: float
    questions: int


class Evaluation:
    """One question set on one stack. What it stores is in documents of its own, which `library` removes again."""

    def __init__(self, client: TikuClient, asked: QuestionSet, on_step: OnStep) -> None:
        self._client = client
        self._set = asked
        self._passages = [*asked.passages, *asked.strangers]
        self._on_step = on_step
        self._vectors: dict[int, Sequence[float]] = {}
        self._model = ""

    async def rankings(self, questions: Sequence[Question]) -> Rankings:
        """Ask every question of the whole set's passages."""
        found, done = Rankings(), count(1)
        async with self.library(range(len(self._set.passages))) as document_id:

            async def ask(question: Question) -> pb.RetrieveResponse:
                response = await self._client.retrieve(question.text, [document_id], _DEPTH)
                self._on_step("asking", next(done), len(questions))
                return response

            for response in await gather(map(ask, questions), _AT_ONCE):
                _note(found, response)
        return found

    @property
    def sizes(self) -> list[int]:
        """The sizes of libraries that the set's passages are enough for."""
        own, others = len(self._set.passages), len(self._set.strangers)
        most = min(SIZES[-1], own // 2 + others if others else own)
        return [*(size for size in SIZES if size < most), most]

    async def refusals(self, size: int, most: int) -> Refusals:
        """Ask questions of `size` passages, of some of which the passage is among them, and of some not."""
        draw = random.Random(size)  # noqa: S311 - repeatable on purpose
        kept = self._drawn(size, draw)
        there = [question for question in self._set.questions if question.relevant.keys() <= kept]
        gone = [question for question in self._set.questions if not question.relevant.keys() & kept]
        asked = [draw.sample(questions, min(most, len(questions))) for questions in (there, gone)]
        done, total = count(1), sum(map(len, asked))
        async with self.library(sorted(kept)) as document_id:

            async def is_refused(question: Question) -> bool:
                refused = await self._is_refused(question, document_id)
                self._on_step(f"refusal over {len(kept)} passages", next(done), total)
                return refused

            answerable, unanswerable = [await gather(map(is_refused, questions), _AT_ONCE) for questions in asked]
        return Refusals(len(kept), _share(answerable), _share(unanswerable), len(unanswerable))

    def _drawn(self, size: int, draw: random.Random) -> set[int]:
        """Draw a library, by positions; of the set's own passages some are always left out.

        Among strangers they are at most half, so that of a small set enough questions are left that have no passage.
        """
        own, others = len(self._set.passages), len(self._set.strangers)
        of_set = min(size, own // 2 if others else own - max(1, own // 10))
        rest = size - of_set if others else 0
        return {*draw.sample(range(own), of_set), *draw.sample(range(own, own + others), rest)}

    async def _is_refused(self, question: Question, document_id: str) -> bool:
        """Return whether a question gets no answer, or one that cites nothing."""
        cited = False
        async with aclosing(self._client.answer(question.text, [document_id])) as events:
            async for event in events:
                cited = cited or event.HasField("citation")
                if event.HasField("done"):
                    return event.done.outcome != pb.ANSWER_OUTCOME_ANSWERED or not cited
        return True

    @asynccontextmanager
    async def library(self, positions: Sequence[int]) -> AsyncGenerator[str, None]:
        """Store passages as one document for the block and yield its id; an ordinal is a position in the set."""
        document_id = str(uuid.uuid4())
        try:
            for start in range(0, len(positions), _BATCH):
                await self._store(document_id, positions[start : start + _BATCH])
                self._on_step("storing", min(start + _BATCH, len(positions)), len(positions))
            yield document_id
        finally:
            await self._client.delete_chunks(document_id)

    async def _store(self, document_id: str, positions: Sequence[int]) -> None:
        new = [position for position in positions if position not in self._vectors]
        if new:
            texts = [self._passages[position] for position in new]
            embedded = await self._client.embed(texts, llm_pb2.EMBED_KIND_PASSAGE)
            self._model = embedded.model
            self._vectors.update(zip(new, (list(one.values) for one in embedded.embeddings), strict=True))
        request = pb.IndexChunksRequest(embedding_model=self._model)
        for position in positions:
            text = self._passages[position]
            chunk = pb.Chunk(
                chunk_id=str(uuid.uuid5(uuid.UUID(document_id), str(position))),
                document_id=document_id,
                document_name="tiku eval",
                ordinal=position,
                text=text,
                end=len(text),
            )
            request.chunks.add(chunk=chunk, vector=self._vectors[position])
        await self._client.index_chunks(request)


def _note(found: Rankings, response: pb.RetrieveResponse) -> None:
    """Add what was found for one question; a leg's own order is told by the ranks that hits carry."""
    by_leg: dict[str, list[tuple[int, int]]] = {report.leg: [] for report in response.legs if report.leg != "rerank"}
    for hit in response.hits:
        for leg in hit.legs:
            if leg.leg in by_leg:
                by_leg[leg.leg].append((leg.rank, hit.chunk.ordinal))
    in_order = [hit.chunk.ordinal for hit in response.hits]
    if any(report.leg == "rerank" for report in response.legs):
        found.ranked["reranked"].append(in_order)
        # A hit that was not reranked, or none where reranking failed, keeps its place.
        places = {hit.chunk.ordinal: _place(hit, rank) for rank, hit in enumerate(response.hits, start=1)}
        in_order = sorted(places, key=places.__getitem__)
    found.ranked[FUSED].append(in_order)
    for name, ranked in by_leg.items():
        found.ranked[name].append([position for _, position in sorted(ranked)])
    for report in response.legs:
        found.elapsed_ms[report.leg].append(report.elapsed_ms)
        found.failed[report.leg] += bool(report.reason)


def _place(hit: pb.Hit, rank: int) -> int:
    """Return the place of a hit before it was reranked."""
    return next((leg.rank for leg in hit.legs if leg.leg == FUSED), rank)


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / max(1, len(flags))
