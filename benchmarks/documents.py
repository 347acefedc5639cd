"""How documents are read that were collected because something about them is hard: `python -m benchmarks.documents`.

A folder of cases holds files and a `README.md` whose table says what is right of each, as a line of Python over the
methods of `Reading`. The stack at `--server` is asked, or with `--here` the parsers of this checkout, which need no
stack. The folder (`--cases`, or the variable TIKU_DOCUMENT_CASES) is not part of this repository.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from services.docs.adapters.parsers.worker import parse_and_chunk
from services.docs.domain.upload.sniffing import HEAD_BYTES, TAIL_BYTES, admitted_media_type
from services.docs.domain.wording.wording import told
from services.docs.values.parsed_document import BlockKind, ParseError
from tests.shared import SHARED

CASES = Path(os.environ.get("TIKU_DOCUMENT_CASES") or SHARED / "cases" / "documents")
HEADER = "| severity | case | right | what was read instead |\n| --- | --- | --- | --- |"
_ROW = re.compile(r"\| (high|medium|low) \| (\S+) \| `(.*?)` \|")
_WORDS = {
    "L": "Plants take in water through their roots",
    "LL": "why forests matter to every animal",
    "RR": "Rocks are broken down by frost and rain",
}
"""What the table's names stand for: the beginning and the end of a left column, and the beginning of a right one."""
_SHOWN_CHARS = 160
_AT_ONCE = 4
_POLL_SECONDS = 0.2
_SLICE_CHARS = 200_000
_CHUNKS = 1000


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a file; each method returns whether something is right of it."""

    text: str
    title: str
    chunks: list[tuple[int, int, int]]
    """Start, end and page of each."""
    headings: frozenset[str]
    refusal: str = ""

    def has(self, *pieces: str) -> bool:
        """Return whether the text holds each piece."""
        return all(_bars(piece) in self.text for piece in pieces)

    def no(self, *pieces: str) -> bool:
        """Return whether the text holds none of the pieces."""
        return not any(_bars(piece) in self.text for piece in pieces)

    def order(self, *pieces: str) -> bool:
        """Return whether the pieces stand in this order."""
        at = -1
        return all((at := self.text.find(_bars(piece), at + 1)) >= 0 for piece in pieces)

    def kind(self, _: str, piece: str) -> bool:
        """Return whether a heading holds the piece; a stack tells no other kind of a block."""
        return any(piece in heading for heading in self.headings)

    def nokind(self, kind: str, piece: str) -> bool:
        """Return whether no heading holds the piece."""
        return not self.kind(kind, piece)

    def pages(self, piece: str, page: int) -> bool:
        """Return whether the chunk with the piece begins on a page."""
        at = self.text.find(piece)
        return any(start <= at < end and page == own for start, end, own in self.chunks)

    def is_right(self, expected: str) -> bool:
        """Return whether the file was read as the line of Python `expected` wants it."""
        members = {"text": self.text, "title": self.title, "chunks": self.chunks}
        methods = {name: getattr(self, name) for name in ("has", "no", "order", "kind", "nokind", "pages")}
        # The table is as trustworthy as the folder that its reader names.
        found = eval(expected, {**methods, **_WORDS})  # noqa: S307
        rules = found if isinstance(found, tuple) else (found,)
        return not self.refusal and all(rule is True or (callable(rule) and rule(members) is True) for rule in rules)


def read_here(path: Path) -> Reading:
    """Read a file with the parsers of this checkout, as an upload by its name would be."""
    data = path.read_bytes()
    try:
        parsed, chunks = parse_and_chunk(path, admitted_media_type(data[:HEAD_BYTES], path.name, data[-TAIL_BYTES:]))
    except ParseError as error:
        return _refused(f"{error.reason}: {told(error.reason, error.metadata)}")
    headings = [parsed.text[block.start : block.end] for block in parsed.blocks if block.kind is BlockKind.HEADING]
    spans = [(chunk.start, chunk.end, chunk.page) for chunk in chunks]
    return Reading(parsed.text, parsed.title, spans, frozenset(headings))


async def read_by_stack(http: aiohttp.ClientSession, path: Path) -> Reading:
    """Upload a file to a stack, return what became of it, and delete it there."""
    parameters = {"name": path.name, "parse": "true"}
    async with http.post("documents", params=parameters, data=await asyncio.to_thread(path.read_bytes)) as response:
        answer = await response.json()
        if response.status >= 400:
            return _refused(f"{answer.get('reason', response.status)}: {answer.get('detail', '')}")
    row = answer["document"]
    own = f"documents/{row['document_id']}"
    try:
        while row["state"] not in {"DOCUMENT_STATE_INDEXED", "DOCUMENT_STATE_FAILED"}:
            await asyncio.sleep(_POLL_SECONDS)
            row = (await _members(http, own))["document"]
        if failure := row.get("failure"):
            return _refused(f"{failure['reason']}: {failure['message']}")
        length = int(row["text_length"])
        slices = [
            (await _members(http, f"{own}/text", start=start, end=min(start + _SLICE_CHARS, length)))["text"]
            for start in range(0, length, _SLICE_CHARS)
        ]
        chunks: list[dict[str, Any]] = []
        token = ""
        while not chunks or token:
            page = await _members(http, f"{own}/chunks", page_size=_CHUNKS, page_token=token)
            chunks += page["chunks"]
            token = page.get("next_page_token", "")
    finally:
        async with http.delete(own):
            pass
    spans = [(chunk.get("start", 0), chunk["end"], chunk.get("page", 0)) for chunk in chunks]
    headings = frozenset(heading for chunk in chunks for heading in chunk.get("heading_path", ()))
    return Reading("".join(slices), row.get("title", ""), spans, headings)


async def _members(http: aiohttp.ClientSession, path: str, **parameters: int | str) -> dict[str, Any]:
    async with http.get(path, params=parameters) as response:
        response.raise_for_status()
        members: dict[str, Any] = await response.json()
        return members


def _refused(why: str) -> Reading:
    return Reading("", "", [], frozenset(), why)


def _bars(piece: str) -> str:
    return piece.replace("¦", "|")


def cases(folder: Path, prefixes: list[str]) -> Iterator[tuple[str, Path, str]]:
    """Yield severity, file and what is right of each case whose name begins with one of the prefixes, or of all."""
    for line in (folder / "README.md").read_text(encoding="utf-8").splitlines():
        row = _ROW.match(line)
        if row and row[2].startswith(tuple(prefixes) or ""):
            yield row[1], folder / row[2], row[3]


async def rows(
    folder: Path, prefixes: list[str], read: Callable[[Path], Awaitable[Reading]]
) -> tuple[list[str], Counter[str]]:
    """Return a table row for each case, and by kind of file how many cases there are and were read rightly."""
    seats = asyncio.Semaphore(_AT_ONCE)
    counts: Counter[str] = Counter()

    async def row(severity: str, path: Path, expected: str) -> str:
        async with seats:
            reading = await read(path)
        kind = path.name.partition("_")[0]
        right = reading.is_right(expected)
        counts.update([f"{kind} of"] + [f"{kind} right"] * right)
        shown = (reading.refusal or reading.text)[:_SHOWN_CHARS].replace("\n", "⏎").replace("|", "¦")
        return f"| {severity} | {path.name} | {'yes' if right else '**no**'} | {'' if right else f'`{shown}`'} |"

    return list(await asyncio.gather(*(row(*case) for case in cases(folder, prefixes)))), counts


async def main() -> int:
    """Read the command line, print the table; the exit status is 0 when all cases are right."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.documents", description=__doc__)
    parser.add_argument("prefixes", nargs="*", metavar="PREFIX", help="beginnings of files' names; all without any")
    parser.add_argument("--cases", type=Path, default=CASES, metavar="FOLDER")
    parser.add_argument("--server", default="http://127.0.0.1:8000", metavar="URL")
    parser.add_argument("--here", action="store_true", help="read with the parsers of this checkout")
    options = parser.parse_args()
    if not (options.cases / "README.md").is_file():
        print(f"SKIPPED: {options.cases} has no README.md; name the folder by TIKU_DOCUMENT_CASES", file=sys.stderr)
        return 1
    async with aiohttp.ClientSession(f"{options.server.rstrip('/')}/api/v1/") as http:

        async def read(path: Path) -> Reading:
            return read_here(path) if options.here else await read_by_stack(http, path)

        lines, counts = await rows(options.cases, options.prefixes, read)
    print(HEADER, *lines, sep="\n")
    kinds = [name.removesuffix(" of") for name in counts if name.endswith(" of")]
    print("\nright: " + ", ".join(f"{kind} {counts[f'{kind} right']} of {counts[f'{kind} of']}" for kind in kinds))
    return int(sum(counts[f"{kind} right"] for kind in kinds) < len(lines))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
