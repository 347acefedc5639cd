"""Runs every benchmark, or those that are named, and prints a Markdown table of each."""

from __future__ import annotations

import argparse
import importlib

import uvloop

from benchmarks import comparison, harness, hostile_files, legs, provider_faults

RATIOS = ("unary", "rest", "streaming")
TABLES = {
    "legs": legs,
    "comparison": comparison,
    "hostile-files": hostile_files,
    "provider-faults": provider_faults,
}
"""Benchmarks with tables of their own."""
ALL = (*RATIOS, *TABLES)


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
    for name, benchmark in TABLES.items():
        if name in names:
            harness.unpin_load()
            print()
            async for row in benchmark.run():
                print(row, flush=True)


if __name__ == "__main__":
    uvloop.run(main())
