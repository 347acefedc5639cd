"""How many chunks end inside a sentence: `python -m benchmarks.chunk_ends FOLDER …`.

Every file below the folders is read and cut by the parsers of this checkout. Where a sentence ends is told by a rule of
its own, which shares no code with the one by which chunks are cut: it looks at the characters on both sides of a
border. Tables and code have no sentences, so ends beside them are not counted. `--show` prints some of what was found.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

from services.docs.adapters.parsers.worker import parse_and_chunk
from services.docs.domain.upload.sniffing import HEAD_BYTES, TAIL_BYTES, admitted_media_type
from services.docs.values.parsed_document import BlockKind, ParsedDocument, ParseError, ParseLimits

HEADER = (
    "| format | files | refused | crashed | chunks | ends counted | inside a sentence | share |\n| --- |" + " --- |" * 7
)
_LEAST_CHUNKS = 4
"""A file of fewer has hardly an end that could be wrong."""
_LIMITS = ParseLimits(seconds=60.0, megabyte_seconds=60.0)
_SHOWN_CHARS = 90

_CLOSED = re.compile("[.!?。！？…;；:：][\"'”’」』）)\\]】》〉*_`\\d†‡\\s]*$")
_WHOLE_LINE = re.compile(r"[.·…_\-=*•\s]+\d*$|^[\W\d_]+$")
"""Leaders, rules, and lines without a letter."""
_GOES_ON = re.compile("[,，、（(\\[“‘《/&+=<≤≥≈]$|[a-z][-‐]$")
_NO_START = re.compile("[,;)\\]，。、；：）】≤≥≈=%]")
_SMALL_WORDS = re.compile(
    r"\b(?:the|a|an|of|and|or|to|in|on|at|by|for|with|from|as|that|which|is|are|was|were|be|been|than|its|their|"
    r"this|these|into|between|not|but|if|when|while|because)$"
)
_LIST_MARK = re.compile(r"[-–—*•●▪■◦○·➢✓◆◇]|[(（]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})[.)）、．:]|[①-⑳]")
_HAN = re.compile("[\u4e00-\u9fff]")
_NO_LETTER_CASE = re.compile("[a-z]+[A-Z]|[a-z]+[\\d_./@(:=]|[a-z]+-[A-Z]")
"""Names that begin with a small letter: pH, mRNA, saveText, print(), example.org."""
_LEAST_HAN_LINE = 20
"""Characters of a Chinese line without a closing mark that is no title."""


@dataclass(frozen=True, slots=True)
class File:
    """What one file gave."""

    format: str
    chunks: int
    counted: int
    inside: list[tuple[str, str]]
    """What stands before and after each end inside a sentence."""


def is_inside(before: str, after: str) -> bool:
    """Return whether a sentence goes on from the text before a border to the text after it."""
    before, after = before.rstrip(), after.lstrip()
    line = before.rsplit("\n", 1)[-1].strip()
    if not line or not after or _WHOLE_LINE.search(line) or _LIST_MARK.match(after):
        return False
    lower = after[0].islower() and after[0].isascii() and not _NO_LETTER_CASE.match(after)
    if _CLOSED.search(line):
        # An abbreviation before a small letter.
        return lower and line[-1] == "." and len(line) > 1 and line[-2].isalpha()
    if _GOES_ON.search(line) or _NO_START.match(after) or lower or _SMALL_WORDS.search(line):
        return True
    prose = _HAN.match(line[-1]) is not None and _HAN.match(after[0]) is not None
    return prose and len(line) >= _LEAST_HAN_LINE and not _LIST_MARK.match(line)


def ends(parsed: ParsedDocument, borders: Iterable[tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """Yield the text before and after each border that is beside prose; a border is an end and the next start."""
    kinds = {block.end: block.kind for block in parsed.blocks} | {block.start: block.kind for block in parsed.blocks}
    laid_out = {BlockKind.TABLE, BlockKind.CODE}
    spans = [(block.start, block.end) for block in parsed.blocks if block.kind in laid_out]
    for end, start in borders:
        within = any(first <= end - 1 < last or first <= start < last for first, last in spans)
        if not within and not {kinds.get(end), kinds.get(start)} & laid_out:
            yield parsed.text[max(0, end - 400) : end], parsed.text[start : start + 200]


def measured(path: Path) -> File | None:
    """Read one file; None where it is refused."""
    data = path.read_bytes()
    try:
        media_type = admitted_media_type(data[:HEAD_BYTES], path.name, data[-TAIL_BYTES:])
        parsed, chunks = parse_and_chunk(path, media_type, _LIMITS.of_size(len(data)))
    except ParseError:
        return None
    borders = [(chunk.end, following.start) for chunk, following in pairwise(chunks)]
    found = list(ends(parsed, borders))
    return File(path.suffix.lower().lstrip("."), len(chunks), len(found), [pair for pair in found if is_inside(*pair)])


def run(folders: list[Path], show: int, seed: int, names: list[str]) -> Iterator[str]:
    """Measure all files below the folders and yield the lines of the table."""
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    paths = [path for path in paths if not names or path.suffix.lower().lstrip(".") in names]
    results: list[tuple[Path, File]] = []
    refused: Counter[str] = Counter()
    crashed: Counter[str] = Counter()
    for path, found in _each(paths):
        if isinstance(found, Exception):
            crashed[path.suffix.lower().lstrip(".")] += 1
            yield f"{path}: {type(found).__name__}: {found}"
        elif found is None:
            refused[path.suffix.lower().lstrip(".")] += 1
        elif found.chunks >= _LEAST_CHUNKS:
            results.append((path, found))
    yield HEADER
    formats = sorted({found.format for _, found in results})
    for name in formats:
        own = [found for _, found in results if found.format == name]
        counted, inside = sum(found.counted for found in own), sum(len(found.inside) for found in own)
        share = f"{100 * inside / counted:.2f} %" if counted else "–"
        chunks = sum(found.chunks for found in own)
        yield f"| {name} | {len(own)} | {refused[name]} | {crashed[name]} | {chunks} | {counted} | {inside} | {share} |"
    pairs = [(path, *pair) for path, found in results for pair in found.inside]
    for path, before, after in random.Random(seed).sample(pairs, min(show, len(pairs))):
        shown = f"{before[-_SHOWN_CHARS:]} ┃ {after[:_SHOWN_CHARS]}"
        yield f"\n{path.name}: {' '.join(shown.split())}"


def _each(paths: list[Path]) -> Iterator[tuple[Path, File | Exception | None]]:
    """Measure file by file in a process that may crash."""
    pool = partial(ProcessPoolExecutor, 1, mp_context=get_context("spawn"))
    executor = pool()
    for path in paths:
        try:
            yield path, executor.submit(measured, path).result()
        except BrokenProcessPool as error:
            executor = pool()
            yield path, error
        except Exception as error:  # A fault of a parser is counted, and the others are read.
            yield path, error
    executor.shutdown()


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chunk_ends", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--show", type=int, default=0, help="how many ends inside a sentence to print")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], metavar="SUFFIX", help="formats by the ends of their names")
    options = parser.parse_args()
    for line in run(options.folders, options.show, options.seed, options.only):
        print(line, flush=True)


if __name__ == "__main__":
    main()
