"""The wait for a gateway that reaches every service, with a gateway of three lines."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from services.embedded.network import free_port
from services.embedded.process import ProcessSpec, SupervisedProcess
from services.stack.readiness import NotReadyError, Readiness, unready_services


@asynccontextmanager
async def _gateway(*answers: Mapping[str, str]) -> AsyncIterator[int]:
    """A gateway that finds the services in these states, one after the other; its port."""
    left = list(answers)

    async def ready(_request: web.Request) -> web.Response:
        states = left.pop(0) if len(left) > 1 else left[0]
        status = 200 if all(state == "SERVING" for state in states.values()) else 503
        return web.json_response({"status": "any", "services": dict(states)}, status=status)

    app = web.Application()
    app.router.add_get("/readyz", ready)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _idle(folder: Path, name: str) -> AsyncIterator[SupervisedProcess]:
    """A process that sleeps."""

    async def probe() -> None:
        return

    command = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
    process = SupervisedProcess(ProcessSpec(name, command, folder / f"{name}.log", probe))
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


async def test_it_ends_when_every_service_serves_and_says_what_it_waits_for(tmp_path: Path) -> None:
    waits: list[str] = []
    async with (
        _gateway(
            {"llm": "NOT_SERVING", "docs": "UNREACHABLE"},
            {"llm": "NOT_SERVING", "docs": "SERVING"},
            {"llm": "SERVING", "docs": "SERVING"},
        ) as port,
        _idle(tmp_path, "llm") as llm,
    ):
        readiness = Readiness("127.0.0.1", port, {"llm": llm}, tmp_path)
        await readiness.wait(lambda what, _seconds: waits.append(what))
    assert waits == ["waiting for llm, docs", "waiting for llm"]


async def test_services_that_stand_still_are_named_with_their_states_and_logs(tmp_path: Path) -> None:
    async with (
        _gateway({"llm": "NOT_SERVING", "docs": "SERVING", "retrieval": "UNREACHABLE"}) as port,
        _idle(tmp_path, "llm") as llm,
        _idle(tmp_path, "gateway") as gateway,
    ):
        readiness = Readiness("127.0.0.1", port, {"llm": llm, "gateway": gateway}, tmp_path, stall_seconds=1.0)
        with pytest.raises(NotReadyError, match=r"llm \(NOT_SERVING\), retrieval \(UNREACHABLE\)") as caught:
            await readiness.wait(lambda _what, _seconds: None)
    assert str(tmp_path / "llm.log") in str(caught.value)
    assert "docs" not in str(caught.value)


async def test_a_gateway_that_does_not_answer_is_what_is_missing() -> None:
    assert list(await unready_services("127.0.0.1", free_port())) == ["gateway"]
