"""Work that comes all at once."""

from __future__ import annotations

import asyncio

from services.kit.turns import Turns


async def test_callbacks_run_in_their_order_and_not_all_in_one_turn() -> None:
    turns, ran = Turns(), list[int]()
    for number in range(100):
        turns.soon(lambda number=number: ran.append(number))  # type: ignore[misc]
    seen = []
    while len(ran) < 100:
        await asyncio.sleep(0)
        seen.append(len(ran))
    assert ran == list(range(100))
    assert len(seen) > 5


async def test_what_a_callback_adds_runs_as_well_and_a_fault_stops_no_other() -> None:
    turns, done, faults = Turns(), asyncio.Event(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    fault = RuntimeError("of a callback")

    def raises() -> None:
        turns.soon(done.set)
        raise fault

    turns.soon(raises)
    await done.wait()
    assert faults == [fault]
