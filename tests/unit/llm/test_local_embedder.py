"""The worker process: what its death, its silence and its refusal mean to those who wait for vectors."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from services.kit.errors import TikuError
from services.kit.restarts import CrashBudget
from services.llm.adapters.local.process import LocalModel
from services.llm.domain.batching import BatchLimits
from services.llm.values.local import Backend, Task
from services.llm.values.relevance import EmbedKind

QUERY, PASSAGE = EmbedKind.QUERY, EmbedKind.PASSAGE


def _embedder(folder: Path, budget: CrashBudget | None = None, **limits: int) -> LocalModel:
    return LocalModel(
        folder,
        Backend.ONNX,
        Task.EMBED,
        threads=1,
        limits=BatchLimits(**limits),
        program=(sys.executable, "-m", "tests.fakes.embedding_worker"),
        budget=budget,
    )


@asynccontextmanager
async def _running(embedder: LocalModel) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(embedder.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def embedder(tmp_path: Path) -> AsyncIterator[LocalModel]:
    embedder = _embedder(tmp_path)
    async with _running(embedder):
        yield embedder


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_request_may_come_before_the_model(embedder: LocalModel) -> None:
    assert embedder.pid is None
    assert (await embedder.encode(["early"], QUERY, 10)).count == 1
    assert embedder.pid is not None


@pytest.mark.parametrize("busy", [False, True])
async def test_a_killed_worker_is_replaced_and_its_batch_sent_again(embedder: LocalModel, busy: bool) -> None:
    await embedder._ready.wait()
    first = embedder.pid
    assert first is not None
    pending = asyncio.create_task(embedder.encode(["sleep 0.2"], PASSAGE, 10)) if busy else None
    await asyncio.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    assert (await embedder.encode(["after"], QUERY, 10)).count == 1
    if pending is not None:
        assert (await pending).count == 1
    assert embedder.pid not in (None, first)


async def test_what_kills_a_worker_twice_fails_and_the_next_is_served(embedder: LocalModel) -> None:
    with pytest.raises(TikuError) as caught:
        await embedder.encode(["die"], PASSAGE, 20)
    assert (caught.value.reason, caught.value.status) == ("EMBEDDER_UNAVAILABLE", "UNAVAILABLE")
    assert (await embedder.encode(["next"], PASSAGE, 20)).count == 1


async def test_a_refused_batch_fails_alone(embedder: LocalModel) -> None:
    with pytest.raises(TikuError) as caught:
        await embedder.encode(["refuse"], PASSAGE, 10)
    assert (caught.value.reason, caught.value.message) == ("EMBEDDER_FAILED", "The embedding model failed on a text.")
    first = embedder.pid
    await embedder.encode(["next"], PASSAGE, 10)
    assert embedder.pid == first


async def test_workers_that_never_start_are_given_up_for_a_while_and_then_tried_again(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "deaths").write_text, "3")
    embedder = _embedder(tmp_path, budget=CrashBudget(3, window_seconds=3.0, clock=lambda: 0.0))
    async with _running(embedder) as task:
        for seconds in (20, 0.5):  # One that waits fails with the third death, and one that comes then fails at once.
            with pytest.raises(TikuError) as caught:
                await embedder.encode(["x"], QUERY, seconds)
            assert caught.value.reason == "EMBEDDER_UNAVAILABLE"
        with pytest.raises(TikuError, match="unavailable"):
            await embedder.check()
        async with asyncio.timeout(20):
            await embedder._ready.wait()
        assert (await embedder.encode(["x"], QUERY, 20)).count == 1
        assert not task.done()


async def test_workers_that_answer_before_they_die_are_replaced_without_end(tmp_path: Path) -> None:
    embedder = _embedder(tmp_path, budget=CrashBudget(2, window_seconds=600.0))
    async with _running(embedder):
        for _ in range(4):
            assert (await embedder.encode(["x"], QUERY, 20)).count == 1
            os.kill(embedder.pid or 0, signal.SIGKILL)


async def test_a_worker_that_starts_at_the_second_try_serves(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "deaths").write_text, "1")
    embedder = _embedder(tmp_path)
    async with _running(embedder):
        assert (await embedder.encode(["x"], QUERY, 20)).count == 1


async def test_a_wait_ends_with_the_deadline_and_the_worker_lives_on(embedder: LocalModel) -> None:
    await embedder._ready.wait()
    first = embedder.pid
    with pytest.raises(TikuError) as caught:
        await embedder.encode(["sleep 0.3"], PASSAGE, 0.05)
    assert (caught.value.reason, caught.value.status) == ("EMBEDDER_TIMEOUT", "DEADLINE_EXCEEDED")
    assert (await embedder.encode(["next"], PASSAGE, 10)).count == 1
    assert embedder.pid == first


async def test_a_question_is_answered_in_the_middle_of_a_batch_of_passages(embedder: LocalModel) -> None:
    await embedder._ready.wait()
    document = asyncio.create_task(embedder.encode(["sleep 60"], PASSAGE, 90))
    await asyncio.sleep(0.1)
    for _ in range(3):
        assert (await embedder.encode(["a question"], QUERY, 30)).count == 1
    with pytest.raises(TikuError, match="failed on a text"):
        await embedder.encode(["refuse"], QUERY, 30)
    assert not document.done()
    document.cancel()


async def test_the_end_leaves_no_process_and_no_waiter(tmp_path: Path) -> None:
    embedder = _embedder(tmp_path)
    async with _running(embedder):
        await embedder._ready.wait()
        pid = embedder.pid
        assert pid is not None
        waiting = asyncio.create_task(embedder.encode(["sleep 60"], PASSAGE, 90))
        await asyncio.sleep(0.05)
    assert not await asyncio.to_thread(_alive, pid)
    with pytest.raises(TikuError) as caught:
        await waiting
    assert caught.value.reason == "EMBEDDER_UNAVAILABLE"


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
async def test_a_killed_parent_takes_the_worker_along(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from services.llm.adapters.local.process import LocalModel\n"
        "from services.llm.values.local import Backend, Task\n"
        "async def main():\n"
        "    worker = (sys.executable, '-m', 'tests.fakes.embedding_worker')\n"
        "    embedder = LocalModel(Path(sys.argv[1]), Backend.ONNX, Task.EMBED, threads=1, program=worker)\n"
        "    task = asyncio.create_task(embedder.run())\n"
        "    await embedder._ready.wait()\n"
        "    print(embedder.pid, flush=True)\n"
        "    await task\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    assert await asyncio.to_thread(_alive, pid)
    os.kill(pid, signal.SIGSTOP)  # So that it cannot notice the end of its input by itself.
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(60):
        while await asyncio.to_thread(_alive, pid):  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.02)
