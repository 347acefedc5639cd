"""What counts as progress of a process that starts: with small processes that work, sleep, stop or die."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from pathlib import Path

import pytest

from services.embedded.process import ProcessFailedError, ProcessSpec, SupervisedProcess
from services.kit.progress import ProgressWatch, StalledError, usage_below

_STALL_SECONDS = 1.0
_WORK_SECONDS = 2.5 * _STALL_SECONDS

_WORKS_IN_SLICES = f"""
import os, pathlib, sys, time
parent = os.getppid()
end = time.monotonic() + {_WORK_SECONDS}
while time.monotonic() < end:
    slice_end = time.process_time() + 0.02
    while time.process_time() < slice_end:
        pass
    time.sleep(0.05)
pathlib.Path(sys.argv[1]).touch()
while os.getppid() == parent:
    time.sleep(0.1)
"""
_CHILD_WORKS = """
import subprocess, sys, time
subprocess.run([sys.executable, "-I", "-S", "-c", sys.argv[2], sys.argv[1]])
"""
_READS = f"""
import pathlib, sys, time
end = time.monotonic() + {_WORK_SECONDS}
with open("/dev/zero", "rb", buffering=0) as source:
    while time.monotonic() < end:
        source.read(64 * 1024)
        time.sleep(0.2)
pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""
_LOGS = f"""
import pathlib, sys, time
end = time.monotonic() + {_WORK_SECONDS}
while time.monotonic() < end:
    print("still at it", flush=True)
    time.sleep(0.3)
pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""
_SLEEPS = "import time; time.sleep(600)"
_IDLES = "import time\nwhile True: time.sleep(0.01)"
_SUSPENDS_ITSELF = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
_DIES = "raise SystemExit(3)"


def _process(folder: Path, name: str, code: str, *arguments: str) -> SupervisedProcess:
    served = folder / f"{name} served"

    async def probe() -> None:
        if not await asyncio.to_thread(served.exists):
            raise OSError("not yet")

    return SupervisedProcess(
        ProcessSpec(
            name=name,
            command=[sys.executable, "-I", "-S", "-c", code, str(served), *arguments],
            log_file=folder / f"{name}.log",
            probe=probe,
            startup="counting to a million",
            stall_seconds=_STALL_SECONDS,
            stop_timeout=0.3,
        )
    )


async def test_one_that_gets_somewhere_is_waited_for(tmp_path: Path) -> None:
    processes = [
        _process(tmp_path, "works", _WORKS_IN_SLICES),
        _process(tmp_path, "its child works", _CHILD_WORKS, _WORKS_IN_SLICES),
        _process(tmp_path, "reads", _READS),
        _process(tmp_path, "logs", _LOGS),
    ]
    began = time.monotonic()
    await asyncio.gather(*(process.start() for process in processes))
    assert time.monotonic() - began >= _WORK_SECONDS
    await asyncio.gather(*(process.stop() for process in processes))


async def test_one_that_stands_still_is_given_up_with_its_name_and_log(tmp_path: Path) -> None:
    processes = [
        _process(tmp_path, "sleeps", _SLEEPS),
        _process(tmp_path, "wakes up for nothing", _IDLES),
        _process(tmp_path, "is suspended", _SUSPENDS_ITSELF),
    ]
    async with asyncio.timeout(20 * _STALL_SECONDS):
        failures = await asyncio.gather(*(process.start() for process in processes), return_exceptions=True)
    for process, failure in zip(processes, failures, strict=True):
        assert isinstance(failure, ProcessFailedError), process.spec.name
        assert re.search(rf"{process.spec.name} stood still for \d+ s while counting to a million", str(failure))
        assert str(process.spec.log_file) in str(failure)
        assert process.pid is None


async def test_one_that_dies_is_told_from_one_that_stands_still(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailedError, match="thing ended with exit code 3"):
        await _process(tmp_path, "thing", _DIES).start()


async def test_work_on_a_process_that_stands_still_is_cancelled(tmp_path: Path) -> None:
    sleeper = await asyncio.create_subprocess_exec("sleep", "600")
    try:
        watch = ProgressWatch(sleeper.pid, tmp_path / "none.log", stall_seconds=0.3)
        with pytest.raises(StalledError) as caught:
            await watch.result_of(sleeper.wait())
        assert caught.value.seconds >= 0.3
    finally:
        sleeper.kill()
        await sleeper.wait()


async def test_the_result_of_work_comes_through(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print('done')", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await ProgressWatch(process.pid, tmp_path / "none.log").result_of(process.communicate())
    assert output == b"done\n"


async def test_what_this_process_uses_is_seen() -> None:
    found = (await asyncio.to_thread(usage_below, os.getpid()))[os.getpid()]
    assert found.cpu_seconds > 0
    assert found.moved_bytes > 0
