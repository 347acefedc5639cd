"""What two source trees make of the same files, and how fast: `python -m benchmarks.source_trees FOLDER --base COMMIT`.

The folder's files are drawn as for `benchmarks.real_files`. The parsers of this checkout and those of the base, a
commit of this repository or the folder of another checkout, read them file by file in turn, each tree in a process of
its own with the libraries of this interpreter. A file's time is the least of some rounds. The media type is the one
that this checkout tells, for both. Files differ where a text, block, page, title, language or reason of refusal does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT
from benchmarks.real_files import KINDS, Reader, drawn, reader_command
from services.docs.domain.upload.sniffing import HEAD_BYTES, TAIL_BYTES, admitted_media_type
from services.docs.values.parsed_document import ParseError

HEADER = (
    "| format | files | differ | read by both | amount | base, a second | here, a second | times | "
    "memory: base | here |\n| --- |" + " --- |" * 9
)
BASE, HERE = "base", "here"
_OF_PAGES = frozenset({"PDF", "PPTX", "PPT"})
"""Formats of which pages are counted, not characters."""


@dataclass
class Comparison:
    """What two trees made of files of one kind."""

    kind: str
    files: int = 0
    read: int = 0
    amount: float = 0.0
    """Pages, or thousands of characters, of the files that both trees read."""
    seconds: Counter[str] = field(default_factory=Counter)
    memory: Counter[str] = field(default_factory=Counter)
    differing: list[Path] = field(default_factory=list)

    def add(self, path: Path, answers: dict[str, list[dict[str, Any]]]) -> None:
        """Count a file by what each tree answered in each round."""
        self.files += 1
        first = {name: found[0] for name, found in answers.items()}
        if _outcome(first[BASE]) != _outcome(first[HERE]):
            self.differing.append(path)
        if all("digest" in answer for found in answers.values() for answer in found):
            self.read += 1
            self.amount += first[HERE]["pages"] if self.kind in _OF_PAGES else first[HERE]["chars"] / 1000
            for name, found in answers.items():
                self.seconds[name] += min(answer["seconds"] for answer in found)
        for name, found in answers.items():
            self.memory[name] = max(self.memory[name], *(answer.get("memory", 0) for answer in found))

    def row(self) -> str:
        """Return a row of a Markdown table."""
        unit = "pages" if self.kind in _OF_PAGES else "k"
        base, here = (self.amount / self.seconds[name] if self.seconds[name] else 0.0 for name in (BASE, HERE))
        times = f"{here / base:.2f}" if base else "–"
        memory = " | ".join(f"{self.memory[name] / 1e6:,.0f} MB" for name in (BASE, HERE))
        counts = f"{self.files} | {len(self.differing)} | {self.read} | {self.amount:,.0f} {unit}"
        return f"| {self.kind} | {counts} | {base:,.0f} | {here:,.0f} | **{times}** | {memory} |"


def _outcome(answer: dict[str, Any]) -> tuple[str, str]:
    name = next(name for name in ("digest", "refused", "failed", "crashed") if name in answer)
    return name, str(answer[name])


async def compare(kind: str, paths: Sequence[Path], base: Path, rounds: int) -> Comparison:
    """Read files of one kind with both trees, in turn."""
    result = Comparison(kind)
    async with contextlib.AsyncExitStack() as stack:
        readers = {
            name: Reader(reader_command(sys.executable, "tree"), tree) for name, tree in ((BASE, base), (HERE, ROOT))
        }
        for reader in readers.values():
            stack.push_async_callback(reader.close)
        for path in paths:
            media_type = await asyncio.to_thread(_media_type, path)
            if media_type is None:
                continue
            answers: dict[str, list[dict[str, Any]]] = {BASE: [], HERE: []}
            for turn in range(rounds):
                for name in (BASE, HERE) if turn % 2 == 0 else (HERE, BASE):
                    answers[name].append(await readers[name].read(f"{media_type} {path}"))
            result.add(path, answers)
    return result


def _media_type(path: Path) -> str | None:
    """Return the media type as which a file is accepted, None of one that is not."""
    data = path.read_bytes()
    try:
        return admitted_media_type(data[:HEAD_BYTES], path.name, data[-TAIL_BYTES:])
    except ParseError:
        return None


@asynccontextmanager
async def source_tree(base: str, *parts: str) -> AsyncIterator[Path]:
    """Give the folder of a source tree: that which `base` names, or one into which those folders of a commit are."""
    if await asyncio.to_thread(Path(base).is_dir):
        yield await asyncio.to_thread(Path(base).resolve)
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "tree.tar"
        command = ("git", "-C", str(ROOT), "archive", "-o", str(archive), base, *parts)
        process = await asyncio.create_subprocess_exec(*command)
        if await process.wait():
            raise SystemExit(f"{base} is neither a folder nor a commit of this repository")
        await asyncio.to_thread(_unpack, archive)
        yield archive.parent


def _unpack(archive: Path) -> None:
    with tarfile.open(archive) as file:
        file.extractall(archive.parent, filter="data")


async def main() -> None:
    """Read the command line, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.source_trees", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--base", required=True, metavar="COMMIT", help="a commit, or the folder of a checkout")
    parser.add_argument("--each", type=int, default=40, metavar="N", help="files of a kind")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--name-differing", action="store_true", help="print the files that the trees read differently")
    options = parser.parse_args()
    files = await asyncio.to_thread(drawn, options.folder, options.each, options.seed)
    differing: list[Path] = []
    print(HEADER)
    async with source_tree(options.base, "services", "protos") as base:
        for kind in (kind for kind in files if kind in options.kinds):
            found = await compare(kind, files[kind], base, options.rounds)
            print(found.row(), flush=True)
            differing += found.differing
    if options.name_differing:
        print("", *differing, sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
