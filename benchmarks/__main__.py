"""Runs every benchmark, or those that are named, and prints a Markdown table of each."""

from __future__ import annotations

import argparse
import asyncio
import importlib

import uvloop

from benchmarks.harness import HEADER, pin_load

NAMES = ("unary", "rest")


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="which to run; all when none is named")
    names = parser.parse_args().names or NAMES
    pin_load()
    print(HEADER)
    for name in names:
        for comparison in await importlib.import_module(f"benchmarks.{name}").run():
            print(comparison.row(), flush=True)
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    uvloop.run(main())
