"""Vectors that are known already, and those that somebody else is waiting for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from services.common.values import TokenUsage
from services.kit.concurrency import map_in_turns
from services.kit.errors import DeadlineExceeded, TikuError
from services.llm.ports import Embedder
from services.llm.values.relevance import EmbedInput, EmbedKind, Vectors

Key = bytes
"""A hash of all that decides on a vector: model, kind, dimensions and content."""

_ENTRY_BYTES: Final = 160
"""What an entry takes besides its vector."""
_HASHES_A_TURN: Final = 256
_MOST_JOINED: Final = 64
"""Calls of more texts are not waited for: who wants one of them would wait for all."""


@dataclass(eq=False, slots=True)
class _Flight:
    """A call under way, and how many wait for it."""

    task: asyncio.Task[Vectors]
    rows: Mapping[Key, int]
    """Which row of the answer is whose."""
    waiting: int = 1
    usage_taken: bool = False

    def usage(self) -> TokenUsage:
        """Return what the call came to, to the first who asks: it was paid for once."""
        taken, self.usage_taken = self.usage_taken, True
        return TokenUsage() if taken else self.task.result().usage


class VectorCache:
    """An Embedder that asks another one for each text once: while it is asked, and as long as the vector is kept.

    Kept are the vectors that were last asked for, in `max_bytes` altogether. A vector is that of exactly this text.
    What was known, or asked for by another call, costs no tokens.
    """

    def __init__(self, embedder: Embedder, model: str, max_bytes: int) -> None:
        self._embedder = embedder
        self._model = model
        self._left = max_bytes
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._flights: dict[Key, _Flight] = {}

    async def embed(
        self, texts: Sequence[EmbedInput], kind: EmbedKind, timeout: float, dimensions: int | None = None
    ) -> Vectors:
        """Return one vector a text; only those that nobody knows or waits for are asked for."""
        prefix = f"{self._model}\0{kind}\0{dimensions}\0".encode()
        keys = await map_in_turns(lambda text: _key(prefix, text), texts, _HASHES_A_TURN)
        deadline = asyncio.get_running_loop().time() + timeout
        rows: dict[Key, bytes] = {}
        usage = TokenUsage()
        # What others asked for may have failed for a reason of theirs; then it is asked for here.
        while missing := {key: text for key, text in zip(keys, texts, strict=True) if key not in rows}:
            left = deadline - asyncio.get_running_loop().time()
            joined, asked = self._split(missing, rows)
            own = self._begin(asked, kind, left, dimensions) if asked else None
            usage += await _landed(own, joined, rows, deadline)
        dimension = len(rows[keys[0]]) // 4 if keys else 0
        return Vectors(b"".join([rows[key] for key in keys]), dimension, usage)

    def _split(
        self, missing: Mapping[Key, EmbedInput], rows: dict[Key, bytes]
    ) -> tuple[list[_Flight], dict[Key, EmbedInput]]:
        """Put what is kept into `rows`; return calls of others that bring some of the rest, and what nobody brings."""
        joined: dict[_Flight, None] = {}
        asked: dict[Key, EmbedInput] = {}
        for key, text in missing.items():
            if (row := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                rows[key] = row
            elif (flight := self._flights.get(key)) is not None:
                joined[flight] = None
            else:
                asked[key] = text
        for flight in joined:
            flight.waiting += 1
        return list(joined), asked

    def _begin(
        self, asked: Mapping[Key, EmbedInput], kind: EmbedKind, timeout: float, dimensions: int | None
    ) -> _Flight:
        task = asyncio.ensure_future(self._embedder.embed(list(asked.values()), kind, timeout, dimensions))
        flight = _Flight(task, {key: row for row, key in enumerate(asked)})
        if len(asked) <= _MOST_JOINED:
            self._flights |= dict.fromkeys(asked, flight)
        task.add_done_callback(lambda _: self._end(flight))
        return flight

    def _end(self, flight: _Flight) -> None:
        """Keep what a flight brought."""
        task = flight.task
        failed = task.cancelled() or task.exception() is not None
        for key, row in flight.rows.items():
            if self._flights.get(key) is flight:
                del self._flights[key]
            if not failed:
                self._keep(key, task.result().row(row))

    def _keep(self, key: Key, row: bytes) -> None:
        if key not in self._kept:
            self._kept[key] = row
            self._left -= len(row) + _ENTRY_BYTES
        while self._left < 0:
            _, oldest = self._kept.popitem(last=False)
            self._left += len(oldest) + _ENTRY_BYTES


async def _landed(
    own: _Flight | None, joined: Sequence[_Flight], rows: dict[Key, bytes], deadline: float
) -> TokenUsage:
    """Put what the flights bring into `rows`, and return what they came to; those of others may fail."""
    flights = [*([own] if own else []), *joined]
    usage = TokenUsage()
    try:
        for flight in flights:
            try:
                # The own call has a limit of time in itself.
                async with asyncio.timeout_at(None if flight is own else deadline):
                    vectors = await asyncio.shield(flight.task)
            except TimeoutError as error:
                message = "The embedding model did not answer in time."
                raise DeadlineExceeded(message, reason="EMBEDDER_TIMEOUT") from error
            except (TikuError, asyncio.CancelledError):
                if flight is own or _canceled():
                    raise
                continue
            usage += flight.usage()
            rows |= {key: vectors.row(row) for key, row in flight.rows.items()}
    finally:
        for flight in flights:
            flight.waiting -= 1
            if not flight.waiting:
                flight.task.cancel()
    return usage


def _canceled() -> bool:
    """Return whether this task is canceled, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _key(prefix: bytes, text: EmbedInput) -> Key:
    content = text.encode(errors="surrogatepass") if isinstance(text, str) else repr(list(text)).encode()
    kind = b"t" if isinstance(text, str) else b"i"
    return blake2b(prefix + kind + content, digest_size=16).digest()
