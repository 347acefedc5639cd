"""How well names are taken for one thing or for two: `python -m benchmarks.quality.names`.

The pairs are ours (`tests/unit/retrieval/names.tsv`). Odd ones of each kind tuned the resolution, even ones did not. A
pair counts as found where the two names have one key, or where the text beside them says that they name one thing.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.language.names import name_key
from services.retrieval.domain.graph.mentions import find_mentions
from services.retrieval.domain.graph.resolution import resolve
from services.retrieval.values.chunk import Chunk
from services.retrieval.values.graph import AliasStatement, Link

PAIRS = Path(__file__).parents[2] / "tests" / "unit" / "retrieval" / "names.tsv"
HALVES = ("tuned", "held")
SAME = "same"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two names, whether they are of one thing, and the text in which they stand, which may be empty."""

    language: str
    same: bool
    half: str
    one: str
    other: str
    text: str


def read(path: Path = PAIRS) -> Iterator[Pair]:
    """Yield the pairs of a file."""
    seen: Counter[tuple[str, str]] = Counter()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        language, same, one, other, *text = line.split("\t")
        half = HALVES[seen[language, same] % 2]
        seen[language, same] += 1
        yield Pair(language, same == SAME, half, one, other, "".join(text))


def is_found(pair: Pair) -> bool:
    """Return whether the resolution takes a pair for one thing."""
    found = find_mentions([Chunk("c", "d", "names", 0, pair.text, 0, 0, len(pair.text))])
    keys = {
        name: {name_key(name), *(mention.key for mention in found.mentions if mention.surface == name)}
        for name in (pair.one, pair.other)
    }
    resolution = resolve(map(link_of, found.aliases))
    return any(other in resolution.members(one) for one in keys[pair.one] for other in keys[pair.other])


def link_of(statement: AliasStatement) -> Link:
    """Return a statement as the link that a store makes of it, with keys for ids."""
    first, second = statement.first.key, statement.second.key
    return Link(first, second, first, second, sources=(statement.quote,))


def measure(half: str) -> dict[str, Counter[tuple[bool, bool]]]:
    """Return, by language, how many pairs of a half (are one thing, are taken for one)."""
    counts: dict[str, Counter[tuple[bool, bool]]] = {}
    for pair in read():
        if pair.half == half:
            counts.setdefault(pair.language, Counter())[pair.same, is_found(pair)] += 1
    return counts


def precision(counts: Counter[tuple[bool, bool]]) -> float:
    """Return the share of pairs taken for one thing that are."""
    return counts[True, True] / max(1, counts[True, True] + counts[False, True])


def recall(counts: Counter[tuple[bool, bool]]) -> float:
    """Return the share of pairs of one thing that are taken for one."""
    return counts[True, True] / max(1, counts[True, True] + counts[True, False])


def main() -> int:
    """Print precision and recall of each half."""
    print(f"{'half':8} {'names':8} {'pairs':>6} {'precision':>10} {'recall':>8}")
    for half in HALVES:
        for language, counts in measure(half).items():
            figures = f"{precision(counts):10.3f} {recall(counts):8.3f}"
            print(f"{half:8} {language:8} {counts.total():6} {figures}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
