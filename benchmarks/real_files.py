"""How real files are read, beside other readers: `python -m benchmarks.real_files FOLDER --peers PYTHON`.

The folder's files are drawn by the endings of their names, `--each` of a kind. Each is read by Tiku and by the readers
of another environment, whose interpreter is PYTHON (with kreuzberg, markitdown and pdfminer.six), file by file in turn,
each reader in a process of its own. No file is part of this repository.

Words found is the share of the second reader's different words that Tiku has, too. In order is the share of neighbors
among the words that both have once which stand in the same order. A paragraph is broken where it ends without an end of
a sentence and the next one begins in small letters. `--pages FOLDER` names an evaluation set of web pages as that of
trafilatura: `evaldata.json` with passages that belong to the content of a page and such that do not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT

KINDS = {
    "PDF": (".pdf",),
    "DOCX": (".docx", ".docm", ".dotx"),
    "PPTX": (".pptx", ".pptm", ".ppsx", ".potx"),
    "XLSX": (".xlsx", ".xlsm"),
    "XLS": (".xls",),
    "DOC": (".doc",),
    "PPT": (".ppt",),
    "CSV": (".csv",),
    "ODT, ODP, ODS": (".odt", ".odp", ".ods"),
    "RTF": (".rtf",),
    "EPUB": (".epub",),
    "IPYNB": (".ipynb",),
    "HTML": (".html", ".htm"),
    "MD": (".md",),
    "TXT": (".txt",),
}
PEERS = ("kreuzberg", "markitdown")
READ_BY = {"DOC": PEERS[:1], "PPT": PEERS[:1]}
"""Peers of the kinds that not all of them read."""
SECOND = {"PDF": "pdfminer"}
"""Whose words Tiku's are held against; kreuzberg's where no other reader is named."""
READ = "| format | files | read | without text | refused | crashed | second reader | words found | in order | broken |"
SPEED = "| format | files | Tiku | kreuzberg | markitdown | memory: Tiku | kreuzberg | markitdown |"
_LINE_BYTES = 1 << 28
_PATIENCE_SECONDS = 120.0
_WORD = re.compile(r"[^\W_\u3400-\u9fff]+|[\u3400-\u9fff]")
_SENTENCE_END = '。！？.!?：:；;”"』」…)）]'
_SPACE = re.compile(r"[\s\u00ad]+")


@dataclass
class Reader:
    """A reader's process, started anew where a file ended it; what it imports of Tiku is from the tree `tree`."""

    command: Sequence[str]
    tree: Path = ROOT
    process: asyncio.subprocess.Process | None = None

    async def read(self, file: Path | str) -> dict[str, Any]:
        """Return what became of a file: `text`, `refused`, `failed` or `crashed`, with `seconds` and `memory`."""
        if self.process is None:
            path_of_modules = os.pathsep.join(map(str, (self.tree, self.tree / "protos" / "gen")))
            pipe = asyncio.subprocess.PIPE
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=pipe,
                stdout=pipe,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LINE_BYTES,
                env={**os.environ, "PYTHONPATH": path_of_modules},
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(f"{file}\n".encode())
            async with asyncio.timeout(_PATIENCE_SECONDS):
                line = await self.process.stdout.readline()
        except (TimeoutError, OSError):
            line = b""
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        await self.close()
        return {"crashed": True}

    async def close(self) -> None:
        """End the process."""
        if self.process is not None:
            if self.process.returncode is None:
                self.process.kill()
            await self.process.wait()
            self.process = None


@dataclass
class Tally:
    """What was counted of one kind of file."""

    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    words: list[float] = field(default_factory=list)
    order: list[float] = field(default_factory=list)
    paragraphs: int = 0
    broken: int = 0
    read_by_all: int = 0
    chars: int = 0
    pages: int = 0
    seconds: Counter[str] = field(default_factory=Counter)
    memory: Counter[str] = field(default_factory=Counter)

    def add(self, found: dict[str, dict[str, Any]], second: str, peers: Sequence[str]) -> None:
        """Count one file, by what each reader made of it."""
        own = found["tiku"]
        self.files += 1
        self.outcomes[_outcome(own)] += 1
        paragraphs = own.get("paragraphs", ())
        self.paragraphs += len(paragraphs)
        self.broken += sum(_is_broken(before, after) for before, after in pairwise(paragraphs))
        text, other = own.get("text", ""), found.get(second, {}).get("text", "")
        if text and other.strip():
            mine, theirs = _WORD.findall(text.casefold()), _WORD.findall(other.casefold())
            if theirs:
                self.words.append(len(set(theirs) & set(mine)) / len(set(theirs)))
            if (ordered := in_order(mine, theirs)) is not None:
                self.order.append(ordered)
        if all(found.get(name, {}).get("text", "").strip() for name in ("tiku", *peers)):
            self.read_by_all += 1
            self.chars += len(text)
            self.pages += own["pages"]
            for name in ("tiku", *peers):
                self.seconds[name] += found[name]["seconds"]
        for name, answer in found.items():
            self.memory[name] = max(self.memory[name], answer.get("memory", 0))

    def read_row(self, kind: str, second: str) -> str:
        """Return the row of what was read."""
        counts = " | ".join(str(self.outcomes[name]) for name in ("read", "without text", "refused", "crashed"))
        broken = f"{self.broken} of {self.paragraphs}"
        return f"| {kind} | {self.files} | {counts} | {second} | {_mean(self.words)} | {_mean(self.order)} | {broken} |"

    def speed_row(self, kind: str) -> str:
        """Return the row of what a second of a processor reads, over files that all readers read."""
        amount, unit = (self.pages, "pages") if kind in {"PDF", "PPTX", "PPT"} else (self.chars / 1000, "k")
        rates = (
            f"{amount / self.seconds[name]:,.0f} {unit}" if self.seconds[name] else "–" for name in ("tiku", *PEERS)
        )
        memory = (f"{self.memory[name] / 1e6:,.0f} MB" for name in ("tiku", *PEERS))
        return f"| {kind} | {self.read_by_all} | {' | '.join((*rates, *memory))} |"


def _outcome(answer: dict[str, Any]) -> str:
    if "text" in answer:
        return "read"
    if answer.get("refused") in {"NO_TEXT", "EMPTY_FILE"}:
        return "without text"
    return "refused" if "refused" in answer else "crashed"


def _mean(shares: Sequence[float]) -> str:
    return f"{sum(shares) / len(shares):.1%}" if shares else "–"


def _is_broken(before: str, after: str) -> bool:
    return before[-1] not in _SENTENCE_END and after[0].islower()


def in_order(mine: Sequence[str], theirs: Sequence[str]) -> float | None:
    """Return the share of neighbors, among the words that both hold once, that stand in one order; None of no two."""
    once = {word for word, count in Counter(theirs).items() if count == 1}
    places = {word: at for at, word in enumerate(mine)}
    counts = Counter(mine)
    found = [places[word] for word in theirs if word in once and counts[word] == 1]
    steps = [later > earlier for earlier, later in pairwise(found)]
    return sum(steps) / len(steps) if steps else None


def drawn(folder: Path, each: int, seed: int) -> dict[str, list[Path]]:
    """Return at most so many files of each kind, drawn by a seed."""
    files: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        kind = next((kind for kind, endings in KINDS.items() if path.suffix.lower() in endings), None)
        if kind and path.is_file():
            files[kind].append(path)
    draw = random.Random(seed)
    return {kind: sorted(draw.sample(files[kind], min(each, len(files[kind])))) for kind in KINDS if files[kind]}


def reader_command(interpreter: str, name: str) -> list[str]:
    """Return the command of a reader's process."""
    return [interpreter, "-P", "-W", "ignore", str(ROOT / "benchmarks" / "servers" / "reader.py"), name]


@asynccontextmanager
async def readers(peers: str | None, *names: str) -> AsyncIterator[dict[str, Reader]]:
    """Open Tiku's reader and, where there is an interpreter for them, others."""
    found = {"tiku": Reader(reader_command(sys.executable, "tiku"))}
    if peers:
        found |= {name: Reader(reader_command(peers, name)) for name in names}
    try:
        yield found
    finally:
        for reader in found.values():
            await reader.close()


async def tally(kind: str, paths: Iterable[Path], peers: str | None) -> Tally:
    """Read files of one kind with every reader, in turn."""
    result = Tally()
    second, others = SECOND.get(kind, PEERS[0]), READ_BY.get(kind, PEERS)
    async with readers(peers, *dict.fromkeys((*others, second))) as opened:
        for path in paths:
            result.add({name: await reader.read(path) for name, reader in opened.items()}, second, others)
    return result


def _evaluation_set(folder: Path) -> list[tuple[Path, dict[str, list[str]]]]:
    places = {path.name: path for path in folder.rglob("*") if path.is_file()}
    data = json.loads((folder / "evaldata.json").read_text(encoding="utf-8"))
    return [(places[page["file"]], page) for page in data.values() if page["file"] in places]


async def boilerplate(folder: Path) -> str:
    """Return how much of the content of an evaluation set's pages is kept, and how much of what is around it."""
    pages = await asyncio.to_thread(_evaluation_set, folder)
    kept: Counter[str] = Counter()
    async with readers(None) as opened:
        for path, page in pages:
            text = (await opened["tiku"].read(path)).get("text", "")
            plain = _SPACE.sub("", text)
            for side in ("with", "without") if text else ():
                kept[f"{side} of"] += len(page[side])
                kept[side] += sum(_SPACE.sub("", passage) in plain for passage in page[side])
            kept["pages"] += bool(text)
    wanted, unwanted = kept["with"] / kept["with of"], kept["without"] / kept["without of"]
    return f"{kept['pages']} web pages: {wanted:.1%} of the content kept, {unwanted:.1%} of what is around it"


async def main() -> None:
    """Read the command line, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_files", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter that has the other readers")
    parser.add_argument("--pages", type=Path, metavar="FOLDER", help="an evaluation set of web pages")
    parser.add_argument("--each", type=int, default=40, metavar="N", help="files of a kind")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    files = await asyncio.to_thread(drawn, options.folder, options.each, options.seed)
    speeds = []
    print(READ, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |", sep="\n")
    for kind in (kind for kind in files if kind in options.kinds):
        found = await tally(kind, files[kind], options.peers)
        print(found.read_row(kind, SECOND.get(kind, PEERS[0])), flush=True)
        speeds.append(found.speed_row(kind))
    print("", SPEED, "| --- | --- | --- | --- | --- | --- | --- | --- |", *speeds, sep="\n")
    if options.pages:
        print("", await boilerplate(options.pages), sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
