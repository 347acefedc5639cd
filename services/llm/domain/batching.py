"""Texts of many requests, put together into batches that an encoder takes one at a time of each kind.

Every other batch takes from the request with the fewest texts left, so that a small document does not wait for large
ones; the others take from the oldest. A batch holds texts of like length, since a model pads each to the longest.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.common.values import TokenUsage
from services.kit.errors import ResourceExhausted, TikuError
from services.llm.values.local import Task
from services.llm.values.relevance import EmbedKind, Vectors

Text = str | tuple[str, str]
"""What an encoder reads: a text, or two together."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How large batches and queues may grow; tokens are estimated."""

    batch_texts: int = 16
    batch_tokens: int = 512
    """Most tokens of a batch of more than one text: 0.1 s of e5-small on an idle core; more is hardly faster."""
    text_tokens: int = 512
    """What the longest text costs: the model reads no further than its own limit."""
    waiting_texts: int = 16_384
    """Texts of each kind that may wait; a request that would exceed it is refused."""


@dataclass(eq=False, slots=True)
class _Job:
    """One request's texts on their way."""

    texts: Sequence[Text]
    done: asyncio.Future[Vectors]
    order: deque[int]
    """Positions of texts that are in no batch yet, longest first."""
    rows: list[bytes]
    missing: int
    tokens: int = 0

    def fail(self, error: TikuError) -> None:
        """Raise an error in the request, unless it is over."""
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(slots=True)
class _Lane:
    """Requests of one kind, in the order of their arrival."""

    jobs: list[_Job] = field(default_factory=list)
    waiting: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    turns: int = 0

    def next_jobs(self) -> list[_Job]:
        """Return the requests in the order in which the next batch takes from them: every other time, smallest first.

        In between it is the oldest first, so that small requests without end do not starve a large one.
        """
        self.turns += 1
        self.jobs = [job for job in self.jobs if job.order and not job.done.done()]
        return sorted(self.jobs, key=lambda job: len(job.order)) if self.turns % 2 else self.jobs


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts of one kind to be encoded together."""

    kind: EmbedKind
    texts: list[Text]
    _places: list[tuple[_Job, int]]
    _batcher: Batcher

    def resolve(self, data: bytes, dimension: int, tokens: int) -> None:
        """Hand out the vectors: float32 rows in the order of `texts`; `tokens` were read for all of them."""
        self._batcher.learn(self.texts, tokens)
        width = 4 * dimension
        share, rest = divmod(tokens, len(self.texts))
        for place, (job, position) in enumerate(self._places):
            job.rows[position] = data[place * width : (place + 1) * width]
            job.missing -= 1
            job.tokens += share + (place < rest)
            if not job.missing and not job.done.done():
                job.done.set_result(Vectors(b"".join(job.rows), dimension, TokenUsage(prompt_tokens=job.tokens)))

    def fail(self, error: TikuError) -> None:
        """Fail every request that has a text in this batch."""
        for job, _ in self._places:
            job.fail(error)


class Batcher:
    """The queue in front of one encoder."""

    def __init__(self, limits: BatchLimits, task: Task = Task.EMBED) -> None:
        self._limits = limits
        self._task = task
        self._lanes = {kind: _Lane() for kind in EmbedKind}
        self._bytes_per_token = 4.0
        """How many bytes of UTF-8 this model's tokens have in the texts that come: four to five for most."""

    async def embed(self, texts: Sequence[Text], kind: EmbedKind) -> Vectors:
        """Return the vectors of `texts` once all came back; canceling takes the rest out. A full queue refuses them."""
        lane = self._lanes[kind]
        if lane.waiting + len(texts) > self._limits.waiting_texts and lane.waiting:
            raise ResourceExhausted(
                f"The {self._task.model} is busy; try again shortly.",
                reason=f"{self._task.engine}_BUSY",
                retry_after=1.0,
            )
        job = _Job(
            texts=texts,
            done=asyncio.get_running_loop().create_future(),
            order=deque(sorted(range(len(texts)), key=lambda index: _length(texts[index]), reverse=True)),
            rows=[b""] * len(texts),
            missing=len(texts),
        )
        lane.jobs.append(job)
        lane.waiting += len(texts)
        lane.arrived.set()
        try:
            return await job.done
        finally:
            lane.waiting -= len(texts)

    async def next(self, kind: EmbedKind) -> Batch:
        """Return the next batch of a kind to encode, as soon as there is one."""
        lane = self._lanes[kind]
        while not (places := self._take(lane)):
            lane.arrived.clear()
            await lane.arrived.wait()
        return Batch(kind, [job.texts[position] for job, position in places], places, self)

    def learn(self, texts: Sequence[Text], tokens: int) -> None:
        """Correct the estimate by what was read of a batch, a tenth of the way at a time."""
        estimated = sum(map(self._cost, texts))
        right = self._bytes_per_token * estimated / max(1, tokens)
        self._bytes_per_token += 0.1 * (min(max(right, 1.0), 16.0) - self._bytes_per_token)

    def fail_all(self, error: TikuError) -> None:
        """Fail every request in the queue."""
        for lane in self._lanes.values():
            for job in lane.jobs:
                job.fail(error)
            lane.jobs.clear()

    def _take(self, lane: _Lane) -> list[tuple[_Job, int]]:
        """Take texts for one batch from as many requests as fit."""
        places: list[tuple[_Job, int]] = []
        longest = 0.0
        for job in lane.next_jobs():
            while job.order:
                longest_with = max(longest, self._cost(job.texts[job.order[0]]))
                if places and (
                    len(places) == self._limits.batch_texts
                    or longest_with * (len(places) + 1) > self._limits.batch_tokens
                ):
                    return places
                longest = longest_with
                places.append((job, job.order.popleft()))
        return places

    def _cost(self, text: Text) -> float:
        """Return about how many tokens a text has."""
        # The bytes are exact for ASCII and for Han characters, without encoding the text.
        parts = (text,) if isinstance(text, str) else text
        size = sum(len(part) * (1 if part.isascii() else 3) for part in parts)
        return min(self._limits.text_tokens, size / self._bytes_per_token)


def _length(text: Text) -> int:
    return len(text) if isinstance(text, str) else len(text[0]) + len(text[1])
