"""Runs every benchmark, or those that are named, and prints a Markdown table of each."""

from __future__ import annotations

import argparse
import importlib

import uvloop

from benchmarks import comparison, harness, hostile_files, legs

RATIOS = ("unary", "rest", "streaming")
ALL = (*RATIOS, "legs", "comparison", "hostile-files")


async def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(ALL)}; all when none is named")
    names = parser.parse_args().names or ALL
    if ratios := [name for name in names if name in RATIOS]:
        harness.pin_load()
        print(harness.HEADER)
        for name in ratios:
            for found in await importlib.import_module(f"benchmarks.{name}").run():
                print(found.row(), flush=True)
    if "legs" in names:
        harness.unpin_load()
        print(f"\n{legs.HEADER}")
        async for line in legs.run():
            print(line, flush=True)
    if "comparison" in names:
        harness.unpin_load()
        print(f"\n{comparison.HEADER}")
        async for row in comparison.run():
            print(row.row(), flush=True)
    if "hostile-files" in names:
        harness.unpin_load()
        async for line in hostile_files.run():
            print(line, flush=True)


if __name__ == "__main__":
    uvloop.run(main())
