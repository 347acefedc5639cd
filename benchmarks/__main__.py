"""Runs every benchmark, or those that are named, and prints a Markdown table of each."""

from __future__ import annotations

import argparse
import importlib

import uvloop

from benchmarks import (
    comparison,
    embedding,
    harness,
    hostile_files,
    legs,
    llm_gateways,
    provider_faults,
    retrieval_scale,
)

RATIOS = ("unary", "rest", "streaming")
TABLES = {
    "legs": legs,
    "comparison": comparison,
    "embedding": embedding,
    "hostile-files": hostile_files,
    "llm-gateways": llm_gateways,
    "provider-faults": provider_faults,
}
"""Benchmarks with tables of their own."""
ALL = (*RATIOS, *TABLES)
LONG = "retrieval-scale"
"""Runs only where it is named."""


async def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    every = f"{', '.join((*ALL, LONG))}; all but the last when none is named"
    parser.add_argument("names", nargs="*", metavar="NAME", help=every)
    retrieval_scale.add_options(parser)
    options = parser.parse_args()
    names = options.names or ALL
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
    if LONG in names:
        harness.unpin_load()
        async for row in retrieval_scale.run(options):
            print(row, flush=True)


if __name__ == "__main__":
    uvloop.run(main())
