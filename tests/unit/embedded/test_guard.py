"""The program that becomes another: what it leaves as it was, what it arranges, and how it says that it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

import pytest

from services.embedded.python import module_command

_TELLS = """
import ctypes, json, os, sys
number = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(number), 0, 0, 0)
print(json.dumps({"pid": os.getpid(), "signal": number.value, "arguments": sys.argv[1:], "uid": os.getuid()}))
"""
_READS_ALL = (1 << 1, 1 << 2)
"""The capabilities of which a program that searches keeps one."""


async def _guarded(*arguments: str, program: tuple[str, ...] | None = None) -> tuple[int, int | None, str, str]:
    """Process id, exit code, output and errors of a guard; it is a module here, so that what it runs is counted."""
    program = program or (sys.executable, "-I", "-S", "-c", _TELLS, "one", "two words")
    process = await asyncio.create_subprocess_exec(
        *module_command("services.embedded.guard", *arguments, "--", *program),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.pid, process.returncode, output.decode(), errors.decode()


def _parent() -> tuple[str, ...]:
    return ("--parent", str(os.getpid()))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
async def test_it_becomes_the_program_which_dies_with_its_parent(number: signal.Signals) -> None:
    pid, code, output, errors = await _guarded(*_parent(), "--signal", str(int(number)))
    assert code == 0, errors
    told = json.loads(output)
    assert (told["pid"], told["signal"], told["arguments"]) == (pid, number, ["one", "two words"])
    assert told["uid"] == os.getuid()


async def test_without_its_parent_it_runs_nothing() -> None:
    _, code, output, _ = await _guarded("--parent", "1", "--signal", "9")
    assert (code, output) == (125, "")


async def test_a_program_that_is_not_there_is_named() -> None:
    _, code, _, errors = await _guarded(*_parent(), "--signal", "9", program=("no-such-program",))
    assert code == 127
    assert errors == "guard: cannot run no-such-program: [Errno 2] No such file or directory\n"


async def test_a_signal_that_is_none_is_refused() -> None:
    _, code, output, errors = await _guarded(*_parent(), "--signal", "999")
    assert (code, output) == (127, "")
    assert "prctl(PR_SET_PDEATHSIG)" in errors


@pytest.mark.skipif(os.geteuid() != 0, reason="SKIPPED LOUDLY: only root can take other accounts")
@pytest.mark.parametrize("search", [False, True])
async def test_it_takes_another_account_for_good(search: bool) -> None:
    account = ("--uid", "54321", "--gid", "54322", *(["--search"] if search else []))
    tells = ("sh", "-c", "id -u; id -G; grep CapAmb /proc/self/status")
    _, code, output, errors = await _guarded(*_parent(), "--signal", "9", *account, program=tells)
    assert code == 0, errors
    uid, groups, _, ambient = output.split()
    assert (uid, groups) == ("54321", "54322")
    assert int(ambient, 16) in (_READS_ALL if search else (0,))
