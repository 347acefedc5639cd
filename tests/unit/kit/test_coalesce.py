"""Coalescing joins what comes together and never makes the first wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.coalesce import coalesce
from tests.waiting import at_once


async def _burst(texts: list[str], pause: float = 0.0) -> AsyncGenerator[str, None]:
    for text in texts:
        await asyncio.sleep(pause)
        yield text


@given(st.lists(st.text(max_size=5), max_size=40), st.integers(1, 20))
async def test_nothing_is_lost_or_reordered(texts: list[str], max_chars: int) -> None:
    out = [text async for text in coalesce(_burst(texts), max_chars=max_chars)]
    assert "".join(out) == "".join(texts)
    assert all(out)


async def test_the_first_is_passed_on_at_once_and_the_rest_joined() -> None:
    out = [text async for text in coalesce(_burst(["a"] * 50), window=60)]
    assert out[0] == "a"
    assert len(out) == 2


async def test_what_comes_after_a_pause_does_not_wait() -> None:
    source: asyncio.Queue[str] = asyncio.Queue()

    async def slow() -> AsyncGenerator[str, None]:
        while True:
            yield await source.get()

    async with contextlib.aclosing(coalesce(slow(), window=0.2)) as stream:
        for text in "abc":
            source.put_nowait(text)
            async with at_once():
                assert await anext(stream) == text
            await asyncio.sleep(0.2)


async def test_an_error_comes_after_what_came_before_it() -> None:
    async def broken() -> AsyncGenerator[str, None]:
        yield "a"
        yield "b"
        raise ValueError("cut")

    seen = []
    with pytest.raises(ValueError, match="cut"):
        async for text in coalesce(broken(), window=1):
            seen.append(text)
    assert "".join(seen) == "ab"


async def test_closing_closes_the_stream() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "x"
                await asyncio.sleep(0.001)
        finally:
            closed.set()

    stream = coalesce(endless())
    await anext(stream)
    await stream.aclose()
    assert closed.is_set()
