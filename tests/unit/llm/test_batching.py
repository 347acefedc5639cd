"""Texts in line: turns, company, order, and what a failure reaches."""

from __future__ import annotations

import asyncio
import struct

import pytest

from services.common.values import TokenUsage
from services.kit.errors import Internal, ResourceExhausted
from services.llm.domain.batching import Batch, Batcher, BatchLimits, Text
from services.llm.values.relevance import EmbedKind, Vectors

QUERY, PASSAGE = EmbedKind.QUERY, EmbedKind.PASSAGE


def _answer(batch: Batch) -> None:
    """One number a text: its length, so that a row in the wrong place shows."""
    batch.resolve(struct.pack(f"<{len(batch.texts)}f", *map(len, batch.texts)), 1, 2 * len(batch.texts) + 1)


def _numbers(vectors: Vectors) -> list[float]:
    return list(struct.unpack(f"<{vectors.count}f", vectors.data))


async def _embed(batcher: Batcher, *texts: str, kind: EmbedKind = PASSAGE) -> asyncio.Task[Vectors]:
    task = asyncio.create_task(batcher.embed(list(texts), kind))
    await asyncio.sleep(0)
    return task


async def test_vectors_come_back_in_the_order_of_the_texts_whatever_the_batches() -> None:
    batcher = Batcher(BatchLimits(batch_texts=2))
    texts = ["ccc", "a", "eeeee", "bb", "dddd"]
    task = await _embed(batcher, *texts)
    sizes = []
    while not task.done():
        batch = await batcher.next(PASSAGE)
        sizes.append([len(text) for text in batch.texts])
        _answer(batch)
        await asyncio.sleep(0)
    assert sizes == [[5, 4], [3, 2], [1]]
    vectors = await task
    assert _numbers(vectors) == [3, 1, 5, 2, 4]
    assert vectors.usage == TokenUsage(prompt_tokens=5 + 5 + 3)


async def test_requests_that_come_while_the_encoder_works_share_the_next_batch() -> None:
    batcher = Batcher(BatchLimits())
    waiting = asyncio.create_task(batcher.next(PASSAGE))
    await asyncio.sleep(0)
    first = await _embed(batcher, "first")
    _answer(await waiting)
    assert _numbers(await first) == [5]
    tasks = [await _embed(batcher, text) for text in ("one", "three", "x")]
    batch = await batcher.next(PASSAGE)
    assert sorted(batch.texts) == ["one", "three", "x"]
    _answer(batch)
    assert [_numbers(await task) for task in tasks] == [[3], [5], [1]]


async def test_questions_and_passages_are_in_batches_of_their_own() -> None:
    batcher = Batcher(BatchLimits(batch_texts=4))
    document = await _embed(batcher, *("passage",) * 1000)
    question = await _embed(batcher, "question", kind=QUERY)
    batch = await batcher.next(QUERY)
    assert (batch.kind, batch.texts) == (QUERY, ["question"])
    _answer(batch)
    assert _numbers(await question) == [8]
    assert set((await batcher.next(PASSAGE)).texts) == {"passage"}
    document.cancel()


async def test_a_small_document_waits_for_one_batch_of_large_ones_at_most() -> None:
    batcher = Batcher(BatchLimits(batch_texts=4))
    large = [await _embed(batcher, *(f"large {number}",) * 16) for number in range(20)]
    await batcher.next(PASSAGE)
    small = await _embed(batcher, "small")
    batches = [await batcher.next(PASSAGE) for _ in range(2)]
    assert [text for batch in batches for text in batch.texts].count("small") == 1
    for batch in batches:
        _answer(batch)
    assert _numbers(await small) == [5]
    for document in large:
        document.cancel()


async def test_small_documents_without_end_leave_every_second_batch_to_a_large_one() -> None:
    batcher = Batcher(BatchLimits(batch_texts=1))
    large = await _embed(batcher, *("large",) * 5)
    small = []
    served: list[Text] = []
    while served.count("large") != 5:
        small.append(await _embed(batcher, "small"))
        served += (await batcher.next(PASSAGE)).texts
    assert len(served) <= 10
    for document in (large, *small):
        document.cancel()


async def test_a_batch_holds_no_more_than_it_may_cost() -> None:
    batcher = Batcher(BatchLimits(batch_texts=100, batch_tokens=25, text_tokens=15))
    await _embed(batcher, "x" * 1000, *("y" * 20,) * 10, *("字" * 10,) * 3)
    batches = [await batcher.next(PASSAGE) for _ in range(4)]
    assert [[min(60, len(str(text).encode())) for text in batch.texts] for batch in batches] == [
        [60],
        [20] * 5,
        [20] * 5,
        [30] * 3,
    ]


async def test_what_a_token_is_follows_from_what_the_model_reads() -> None:
    batcher = Batcher(BatchLimits(batch_texts=100, batch_tokens=25))
    task = await _embed(batcher, *("y" * 20,) * 400)
    sizes = []
    while not task.done():
        batch = await batcher.next(PASSAGE)
        sizes.append(len(batch.texts))
        # Two bytes a token, where four are expected at first.
        batch.resolve(bytes(4 * len(batch.texts)), 1, 10 * len(batch.texts))
        await asyncio.sleep(0)
    assert (sizes[0], sizes[-1]) == (5, 2)


async def test_a_cancelled_request_leaves_the_line() -> None:
    batcher = Batcher(BatchLimits(batch_texts=2, waiting_texts=10))
    gone = await _embed(batcher, *("gone",) * 10)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    kept = await _embed(batcher, *("kept",) * 10)
    assert (await batcher.next(PASSAGE)).texts == ["kept", "kept"]
    kept.cancel()


async def test_a_line_that_is_full_refuses() -> None:
    batcher = Batcher(BatchLimits(waiting_texts=10))
    task = await _embed(batcher, *("x",) * 10)
    with pytest.raises(ResourceExhausted) as caught:
        await batcher.embed(["y"], PASSAGE)
    assert (caught.value.reason, caught.value.retry_after) == ("EMBEDDER_BUSY", 1.0)
    question = await _embed(batcher, "a question has a line of its own", kind=QUERY)
    assert not question.done()
    for pending in (task, question):
        pending.cancel()


async def test_a_request_larger_than_the_line_is_served_when_it_is_alone() -> None:
    batcher = Batcher(BatchLimits(batch_texts=100, waiting_texts=10))
    task = await _embed(batcher, *("x",) * 20)
    _answer(await batcher.next(PASSAGE))
    assert (await task).count == 20


async def test_a_failed_batch_fails_those_who_are_in_it_alone() -> None:
    batcher = Batcher(BatchLimits(batch_texts=2))
    bad = await _embed(batcher, "1", "2", "3")
    good = await _embed(batcher, "4", "4", "4", "4")
    (await batcher.next(PASSAGE)).fail(Internal("broken"))
    with pytest.raises(Internal):
        await bad
    for _ in range(2):
        batch = await batcher.next(PASSAGE)
        assert batch.texts == ["4", "4"]
        _answer(batch)
    assert _numbers(await good) == [1] * 4


async def test_an_end_fails_everyone_in_line() -> None:
    batcher = Batcher(BatchLimits())
    tasks = [await _embed(batcher, "x", kind=kind) for kind in EmbedKind]
    batcher.fail_all(Internal("over"))
    for task in tasks:
        with pytest.raises(Internal):
            await task
