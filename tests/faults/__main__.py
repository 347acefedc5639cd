"""`python -m tests.faults --rounds 20`: every fault so many times, and a table.

Each outcome is a line of JSON in the file of `--results`; a run that finds the file goes on where it ended. A stack
serves a few faults and is then looked at by `tiku fsck` and replaced, because `tiku up` gives a process up that crashes
five times in ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.cases import CASES, Case, StackKind
from tests.faults.checks import Finding
from tests.faults.harness import Outcome
from tests.faults.trial import missing, trial

_CRASHES = 4
_MOST_FAULTS = 16
"""On one stack: its documents are compared after each."""
_MOST_FAILURES = 3
"""Stacks in a row that do not start."""
_KINDS = ("lost", "twice", "stuck", "late")
_FSCK = "tiku fsck"


class Crashes:
    """How often each process of one stack was killed."""

    def __init__(self) -> None:
        self._killed: Counter[str] = Counter()

    def allow(self, case: Case) -> bool:
        """Count a case; False when its process has crashed as often as this stack bears."""
        if not case.is_crash:
            return True
        self._killed[case.victim] += 1
        return self._killed[case.victim] <= _CRASHES


def as_row(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as one line of the results."""
    return {
        "case": outcome.case.name,
        "reached": outcome.reached,
        "well": round(outcome.well_seconds, 1),
        "found": _listed(outcome.found),
        "load": round(os.getloadavg()[0], 1),
    }


def _listed(found: Sequence[Finding]) -> list[list[str]]:
    return [[one.kind, one.what] for one in found]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the outcomes by case, in Markdown."""
    lines = ["| fault | rounds | lost | twice | stuck | late | longest to well, s |", "| --- " * 7 + "|"]
    for name in [*(case.name for case in CASES), _FSCK]:
        mine = [row for row in rows if row["case"] == name and row["reached"]]
        if mine:
            counts = [sum(any(kind == k for k, _ in row["found"]) for row in mine) for kind in _KINDS]
            longest = "" if name == _FSCK else max(row["well"] for row in mine)
            lines.append("| " + " | ".join(map(str, [f"`{name}`", len(mine), *counts, longest])) + " |")
    return "\n".join(lines)


async def chosen(only: Sequence[str]) -> list[Case]:
    """Return the cases whose names hold one of the words, all without words; those that cannot be run here are told."""
    found = [case for case in CASES if not only or any(word in case.name for word in only)]
    lacking = {kind: await missing(kind) for kind in {case.stack for case in found}}
    for case in found:
        if what := lacking[case.stack]:
            sys.stdout.write(f"SKIPPED LOUDLY: {case.name} needs {what}\n")
    return [case for case in found if not lacking[case.stack]]


class Results:
    """The lines of results, in a file that grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]

    async def add(self, row: dict[str, Any]) -> None:
        """Append a row, and show it."""
        self.rows.append(row)
        line = json.dumps(row) + "\n"
        sys.stdout.write(line)
        sys.stdout.flush()
        await asyncio.to_thread(self._append, line)

    def _append(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)


def _take(left: list[Case], kind: StackKind) -> Case | None:
    """Remove the last case for a kind of stack and return it; None if there is none left."""
    found = next((index for index in reversed(range(len(left))) if left[index].stack == kind), None)
    return None if found is None else left.pop(found)


async def _break_one_stack(left: list[Case], end: float, results: Results) -> None:
    """Start a stack, take faults for it as long as it bears them, and let `tiku fsck` look at it."""
    crashes, kind, served = Crashes(), left[-1].stack, 0
    async with trial(kind) as made:
        while served < _MOST_FAULTS and asyncio.get_running_loop().time() < end:
            case = _take(left, kind)
            if case is None:
                break
            if not crashes.allow(case):
                left.append(case)
                break
            row = as_row(await made.run(case))
            await results.add(row)
            served += 1
            if row["found"]:
                break  # What is broken stays broken: the next fault gets a fresh stack.
        await results.add({"case": _FSCK, "reached": True, "found": _listed(await made.fsck())})


async def _main(arguments: argparse.Namespace) -> int:
    # The scripted model logs each client that leaves it.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    results = await asyncio.to_thread(Results, arguments.results)
    done = Counter(row["case"] for row in results.rows if row["reached"])
    wanted = await chosen(arguments.only)
    left = [case for number in range(arguments.rounds) for case in wanted if done[case.name] <= number]
    random.Random(arguments.seed + len(results.rows)).shuffle(left)  # noqa: S311 - an order, no secret
    sys.stdout.write(f"seed {arguments.seed}, {len(left)} faults to come\n")
    clock = asyncio.get_running_loop().time
    end = clock() + arguments.minutes * 60
    failures = 0
    while left and clock() < end and failures < _MOST_FAILURES:
        before = len(left)
        try:
            await _break_one_stack(left, end, results)
        except Exception:
            # A stack that does not start or stop is a finding, too.
            what = traceback.format_exc()[-1500:]
            await results.add({"case": _FSCK, "reached": True, "found": [["stuck", what]]})
        failures = failures + 1 if len(left) == before else 0
    sys.stdout.write(table(results.rows) + "\n")
    return 1 if any(row["found"] for row in results.rows) else 0


def main() -> int:
    """Run the long form; the exit code is 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="how often each fault is injected")
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of the faults to inject")
    parser.add_argument("--minutes", type=float, default=24 * 60, help="after which no further fault is begun")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the faults")
    parser.add_argument("--results", type=Path, default=Path("faults.jsonl"), help="file to append outcomes to")
    return asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    raise SystemExit(main())
