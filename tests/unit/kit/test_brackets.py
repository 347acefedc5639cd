"""A block between two functions."""

from __future__ import annotations

import asyncio

import pytest

from services.kit.brackets import Bracket


@pytest.mark.parametrize("error", [None, ValueError("bad"), asyncio.CancelledError()])
async def test_the_end_is_told_how_the_block_ended(error: BaseException | None) -> None:
    ends: list[tuple[str, BaseException | None]] = []

    async def begin() -> str:
        return "held"

    seen: BaseException | None = None
    try:
        async with Bracket(begin, lambda held, ended: ends.append((held, ended))) as held:
            assert held == "held"
            if error is not None:
                raise error
    except BaseException as raised:
        seen = raised
    assert seen is error
    assert ends == [("held", error)]


async def test_what_did_not_begin_has_no_end() -> None:
    async def begin() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        async with Bracket(begin, lambda _held, _error: pytest.fail("it ended")):
            pytest.fail("it began")
