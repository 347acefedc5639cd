"""What a job costs each process in two source trees: `python -m benchmarks.processor_time --base COMMIT`.

The job is five questions of `benchmarks.comparison`, with the whole of Tiku. The stacks of the base, a commit of this
repository or the folder of another checkout, and of this checkout run side by side with the libraries of this
interpreter, and are asked in turn. Their processes' time is counted, so what else the machine does matters little, but
not nothing: a busy one gives a process less for its time. So look at the ratios, which are those of neighboring turns.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import uvloop

from benchmarks import load
from benchmarks.comparison import GENERATE, whole
from benchmarks.harness import ROOT, server
from benchmarks.source_trees import source_tree

HEADER = "| tree | ms of processor time a job | of these |\n| --- | --- | --- |"
_PARTS = ("services", "gateway", "protos")
_LEAST_SHOWN_MS = 0.05


@dataclass(slots=True)
class Tree:
    """A running stack, and what its jobs cost by process in each turn, in milliseconds."""

    name: str
    url: str
    root: psutil.Process
    costs: list[dict[str, float]] = field(default_factory=list)

    async def ask(self, clients: int, seconds: float) -> None:
        """Let clients ask for a while, and count what the jobs cost."""
        before = self._seconds()
        seen = await load.run(self.url, GENERATE, concurrency=clients, seconds=seconds)
        if seen.failures:
            raise RuntimeError(f"{seen.failures} of {seen.requests} failed at {self.url}")
        after = self._seconds()
        spent = ((name, seconds - before.get(name, 0.0)) for name, seconds in after.items())
        self.costs.append({name: 1000 * seconds / seen.requests for name, seconds in spent})

    def row(self) -> str:
        """Return a row of a Markdown table: medians of the turns."""
        each = {name: statistics.median(cost.get(name, 0.0) for cost in self.costs) for name in self.costs[0]}
        dearest = sorted(each.items(), key=lambda one: -one[1])
        shown = (f"{name} {ms:.1f}" for name, ms in dearest if ms > _LEAST_SHOWN_MS)
        return f"| {self.name} | {statistics.median(map(_total, self.costs)):.1f} | {', '.join(shown)} |"

    def _seconds(self) -> dict[str, float]:
        spent: defaultdict[str, float] = defaultdict(float)
        for process in (self.root, *self.root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                spent[_name(process.cmdline())] += sum(process.cpu_times()[:2])
        return spent


def _name(command: Sequence[str]) -> str:
    """Return what a process of a stack is called: the service, the module, or the program."""
    if "-m" not in command:
        return Path(command[0].partition(":")[0]).name if command else "ended"
    module, *more = command[command.index("-m") + 1 :]
    return more[0] if module.endswith(".serve") and more else module.rpartition(".")[2]


@asynccontextmanager
async def opened(name: str, folder: Path, provider: str) -> AsyncIterator[Tree]:
    """Run the stack of a source tree while the block runs."""
    embedder = {f"TIKU_EMBED_{key}": value for key, value in (("BASE_URL", provider), ("MODEL", "bench"))}
    environment = {"TIKU_LLM_BASE_URL": provider, "TIKU_LLM_API_KEY": "x", "TIKU_LLM_MODEL": "bench", **embedder}
    before = {*psutil.Process().children()}
    async with whole(environment, tree=folder) as url:
        (root,) = {*psutil.Process().children()} - before
        yield Tree(name, url, root)


def ratios(base: Tree, here: Tree) -> Iterator[float]:
    """Yield what a job costs here in each turn, in shares of what it costs in the base."""
    for one, other in zip(base.costs, here.costs, strict=True):
        yield _total(other) / _total(one)


def _total(cost: Mapping[str, float]) -> float:
    return sum(cost.values())


async def run(options: argparse.Namespace) -> AsyncIterator[str]:
    """Yield the rows, and the ratio."""
    async with AsyncExitStack() as stack:
        folder = await stack.enter_async_context(source_tree(options.base, *_PARTS))
        latency = ("--latency", str(options.latency))
        provider = await stack.enter_async_context(server("benchmarks.servers.provider", *latency, core=None))
        base = await stack.enter_async_context(opened("base", folder, provider))
        here = await stack.enter_async_context(opened("here", ROOT, provider))
        for tree in (base, here):
            await load.run(tree.url, GENERATE, concurrency=40, seconds=2, least=3)  # What is done once is done.
        for turn in range(options.rounds):
            for tree in (base, here) if turn % 2 else (here, base):
                await tree.ask(options.clients, options.seconds)
        yield HEADER
        yield base.row()
        yield here.row()
        found = [*ratios(base, here)]
        yield f"\nhere ÷ base: {statistics.median(found):.2f} ({min(found):.2f}–{max(found):.2f})"


async def main() -> None:
    """Read the command line, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.processor_time", description=__doc__)
    parser.add_argument("--base", required=True, metavar="COMMIT", help="a commit, or the folder of a checkout")
    parser.add_argument("--rounds", type=int, default=8, metavar="N")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn")
    parser.add_argument("--clients", type=int, default=50, metavar="N")
    parser.add_argument("--latency", type=float, default=0.3, help="of the provider, in seconds")
    async for row in run(parser.parse_args()):
        print(row, flush=True)


if __name__ == "__main__":
    uvloop.run(main())
