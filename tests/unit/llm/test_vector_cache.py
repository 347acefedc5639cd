"""Texts that are asked for twice: at the same time, later, by callers that leave, and when the first call fails."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence

import pytest

from services.common.values import TokenUsage
from services.kit.errors import DeadlineExceeded, TikuError, Unavailable
from services.llm.domain.vector_cache import VectorCache
from services.llm.values.relevance import EmbedInput, EmbedKind, Vectors

QUERY, PASSAGE = EmbedKind.QUERY, EmbedKind.PASSAGE


class HeldEmbedder:
    """An Embedder that answers each call when it is told to; a vector is the text's length and its first character."""

    def __init__(self) -> None:
        self.calls: list[list[EmbedInput]] = []
        self.canceled = 0
        self._answers: list[asyncio.Future[None]] = []

    async def embed(
        self, texts: Sequence[EmbedInput], kind: EmbedKind, timeout: float, dimensions: int | None = None
    ) -> Vectors:
        self.calls.append(list(texts))
        answer = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        try:
            async with asyncio.timeout(timeout):
                await answer
        except TimeoutError:
            raise DeadlineExceeded("late", reason="EMBEDDER_TIMEOUT") from None
        except asyncio.CancelledError:
            self.canceled += 1
            raise
        numbers = array("f", (number for text in texts for number in (len(text), ord(str(text)[0]))))
        return Vectors(numbers.tobytes(), 2, TokenUsage(prompt_tokens=len(texts)))

    def answer(self, call: int = -1) -> None:
        self._answers[call].set_result(None)

    def fail(self, error: TikuError, call: int = -1) -> None:
        self._answers[call].set_exception(error)


@pytest.fixture
def embedder() -> HeldEmbedder:
    return HeldEmbedder()


@pytest.fixture
def cache(embedder: HeldEmbedder) -> VectorCache:
    return VectorCache(embedder, "model", 100_000)


async def _turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _asked(
    cache: VectorCache, *texts: EmbedInput, kind: EmbedKind = PASSAGE, timeout: float = 30
) -> asyncio.Task[Vectors]:
    task = asyncio.create_task(cache.embed(list(texts), kind, timeout))
    await _turns()
    return task


def _lengths(vectors: Vectors) -> list[float]:
    return list(array("f", vectors.data))[::2]


async def test_what_is_kept_is_not_asked_for_again(embedder: HeldEmbedder, cache: VectorCache) -> None:
    first = await _asked(cache, "a", "bb", "a")
    embedder.answer()
    assert _lengths(await first) == [1, 2, 1]
    assert (await first).usage.prompt_tokens == 2
    second = await _asked(cache, "ccc", "bb")
    embedder.answer()
    assert (_lengths(await second), (await second).usage.prompt_tokens) == ([3, 2], 1)
    assert (await cache.embed(["a"], PASSAGE, 1)).usage == TokenUsage()
    assert embedder.calls == [["a", "bb"], ["ccc"]]


async def test_another_kind_size_or_form_is_another_vector(embedder: HeldEmbedder, cache: VectorCache) -> None:
    for texts, kind, dimensions in (
        (["[1]"], PASSAGE, None),
        (["[1]"], QUERY, None),
        (["[1]"], PASSAGE, 2),
        ([[1]], PASSAGE, None),
    ):
        task = asyncio.create_task(cache.embed(texts, kind, 30, dimensions))
        await _turns()
        embedder.answer()
        await task
    assert len(embedder.calls) == 4


async def test_a_text_under_way_is_waited_for(embedder: HeldEmbedder, cache: VectorCache) -> None:
    first = await _asked(cache, "a", "bb")
    second = await _asked(cache, "bb", "ccc")
    assert embedder.calls == [["a", "bb"], ["ccc"]]
    embedder.answer(1)
    await _turns()
    assert not second.done()
    embedder.answer(0)
    assert (_lengths(await first), _lengths(await second)) == ([1, 2], [2, 3])
    assert ((await first).usage.prompt_tokens, (await second).usage.prompt_tokens) == (2, 1)


async def test_who_leaves_takes_nothing_from_who_stays(embedder: HeldEmbedder, cache: VectorCache) -> None:
    first, second = await _asked(cache, "a"), await _asked(cache, "a")
    first.cancel()
    await _turns()
    assert embedder.canceled == 0
    embedder.answer()
    # Somebody has to pay for it.
    assert (_lengths(await second), (await second).usage.prompt_tokens) == ([1], 1)


async def test_the_last_who_leaves_ends_the_call(embedder: HeldEmbedder, cache: VectorCache) -> None:
    tasks = [await _asked(cache, "a") for _ in range(3)]
    for task in tasks:
        task.cancel()
        await _turns()
        assert task.cancelled()
    assert embedder.canceled == 1
    again = await _asked(cache, "a")
    embedder.answer()
    assert _lengths(await again) == [1]


async def test_a_failure_is_that_of_who_asked_and_the_others_ask_themselves(
    embedder: HeldEmbedder, cache: VectorCache
) -> None:
    first, second, third = [await _asked(cache, "a") for _ in range(3)]
    embedder.fail(Unavailable("gone", reason="GONE"))
    with pytest.raises(Unavailable):
        await first
    await _turns()
    assert embedder.calls == [["a"], ["a"]]
    embedder.answer()
    assert _lengths(await second) == _lengths(await third) == [1]


async def test_a_short_deadline_ends_a_wait_and_not_the_call(embedder: HeldEmbedder, cache: VectorCache) -> None:
    first = await _asked(cache, "a")
    second = await _asked(cache, "a", timeout=0.01)
    with pytest.raises(DeadlineExceeded):
        await second
    embedder.answer()
    assert _lengths(await first) == [1]


async def test_a_small_call_does_not_wait_for_a_large_one(embedder: HeldEmbedder, cache: VectorCache) -> None:
    large = await _asked(cache, *(f"text {number}" for number in range(100)))
    small = await _asked(cache, "text 7")
    embedder.answer(1)
    assert _lengths(await small) == [6]
    assert not large.done()
    embedder.answer(0)
    assert len(_lengths(await large)) == 100


async def test_no_more_is_kept_than_fits(embedder: HeldEmbedder) -> None:
    cache = VectorCache(embedder, "model", 3 * 170)
    for text in ("a", "bb", "ccc", "a", "dddd", "a", "bb"):
        task = await _asked(cache, text)
        if not task.done():
            embedder.answer()
        await task
    assert embedder.calls == [["a"], ["bb"], ["ccc"], ["dddd"], ["bb"]]
