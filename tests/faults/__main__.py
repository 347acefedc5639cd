"""`python -m tests.faults --rounds 20`: every fault so many times, and a table.

Each outcome is a line of JSON in the file of `--results`; a run that finds the file goes on where it ended. A stack
serves a few faults and is then replaced, because `tiku up` gives a process up that falls five times in ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.e2e.stack import running
from tests.fakes.tutor import Tutor
from tests.faults.harness import CASES, Case, Outcome, Trial
from tests.integration.upkeep import house

_FALLS = 3
_KINDS = ("lost", "twice", "stuck", "late")


@asynccontextmanager
async def trial() -> AsyncIterator[Trial]:
    """A fresh stack with a scripted model for the block; its folder is removed."""
    home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tiku-faults-"))
    folder = home / "points"
    await asyncio.to_thread(folder.mkdir)
    try:
        async with Tutor() as tutor:
            variables = house.environment(tutor) | {"TIKU_FAILPOINTS": str(folder), "TIKU_EXERCISES_LEASE_SECONDS": "5"}
            async with running(home / "data", **variables) as up:
                made = Trial(up, folder)
                await made.prepare()
                yield made
    finally:
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)


class Falls:
    """How often each process of one stack was killed."""

    def __init__(self) -> None:
        self._killed: Counter[str] = Counter()

    def allow(self, case: Case) -> bool:
        """Count a case; False when its process has fallen as often as this stack bears."""
        if case.action != "kill":
            return True
        self._killed[case.process] += 1
        return self._killed[case.process] <= _FALLS


def as_row(outcome: Outcome) -> dict[str, Any]:
    """An outcome as one line of the results."""
    return {
        "case": outcome.case.name,
        "reached": outcome.reached,
        "well": round(outcome.well_seconds, 1),
        "found": [[one.kind, one.what] for one in outcome.found],
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The outcomes by case, in Markdown."""
    lines = ["| fault | rounds | lost | twice | stuck | late | longest to well, s |", "| --- " * 7 + "|"]
    for case in CASES:
        mine = [row for row in rows if row["case"] == case.name and row["reached"]]
        if mine:
            counts = [sum(any(kind == k for k, _ in row["found"]) for row in mine) for kind in _KINDS]
            cells = [f"`{case.name}`", len(mine), *counts, max(row["well"] for row in mine)]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


async def _main(arguments: argparse.Namespace) -> int:
    results: Path = arguments.results
    text = await asyncio.to_thread(results.read_text) if await asyncio.to_thread(results.exists) else ""
    rows = [json.loads(line) for line in text.splitlines()]
    done = Counter(row["case"] for row in rows if row["reached"])
    chosen = [case for case in CASES if arguments.only in case.name]
    left = [case for number in range(arguments.rounds) for case in chosen if done[case.name] <= number]
    random.Random(arguments.seed).shuffle(left)  # noqa: S311 - an order, no secret
    sys.stdout.write(f"seed {arguments.seed}, {len(left)} faults to come\n")
    while left:
        falls = Falls()
        async with trial() as made:
            while left and falls.allow(left[-1]):
                row = as_row(await made.run(left.pop()))
                rows.append(row)
                line = json.dumps(row) + "\n"
                sys.stdout.write(line)
                sys.stdout.flush()
                await asyncio.to_thread(_append, results, line)
                if row["found"]:
                    break  # What is broken stays broken: the next fault gets a fresh stack.
    sys.stdout.write(table(rows) + "\n")
    return 1 if any(row["found"] for row in rows) else 0


def _append(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line)


def main() -> int:
    """Run the long form; the exit code is 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="how often each fault is injected")
    parser.add_argument("--only", default="", help="a part of the names of the faults to inject")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the faults")
    parser.add_argument("--results", type=Path, default=Path("faults.jsonl"), help="file to append outcomes to")
    return asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    raise SystemExit(main())
