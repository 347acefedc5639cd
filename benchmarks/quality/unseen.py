"""Sets of articles that nobody looked at, in XQuAD's shape and size, drawn by a seed from files that hold many.

    python -m benchmarks.quality.unseen OUT --en FILE=4 FILE=6 --zh FILE=10 [--sets 3] [--seed 1]

A file is SQuAD-shaped JSON, or text of WikiText, which is cut into tokens and is joined again. `FILE=4` gives four
articles to each set. Set N is the folder OUT/N with a file a language, which `benchmarks.quality.cloze` reads. No two
sets share an article. An article gives five of its paragraphs, in their order; Chinese is written in simplified
characters, which are those of the dictionary that finds terms.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from services.language.zh import simplified

_PARAGRAPHS = 5
_LEAST = {"en": (200, 1500), "zh": (60, 500)}
"""Characters of a paragraph and of an article's paragraphs together."""
_TITLE = re.compile(r" ?= ([^=].*?) = ?")
_JOINS = (
    (re.compile(r" @([-,.])@ "), r"\1"),
    (re.compile(r" ([,.;:!?%)\]}])"), r"\1"),
    (re.compile(r"([(\[{$£€#]) "), r"\1"),
    (re.compile(r" ('(?:s|d|m|ll|re|ve|t)?\b|n't\b|–(?= \d))"), r"\1"),
    (re.compile(r'" ([^"]*?) "'), r'"\1"'),
    (re.compile(r"(\d)– (?=\d)"), r"\1–"),
)
"""What WikiText put spaces around."""

Article = tuple[str, list[str]]
"""Its title and paragraphs."""


def articles_of(path: Path) -> Iterator[Article]:
    """Yield the articles of a file."""
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("{"):
        for entry in json.loads(text)["data"]:
            yield entry["title"], [paragraph["context"] for paragraph in entry["paragraphs"]]
        return
    title, paragraphs = "", list[str]()
    for line in text.splitlines():
        found = _TITLE.fullmatch(line.rstrip())
        if found and not found[1].startswith("="):
            if title:
                yield title, paragraphs
            title, paragraphs = found[1], []
        elif line.strip() and not line.lstrip().startswith("= "):
            paragraphs.append(_joined(line.strip()))
    yield title, paragraphs


def _joined(tokens: str) -> str:
    for pattern, written in _JOINS:
        tokens = pattern.sub(written, tokens)
    return tokens


def drawn(path: Path, language: str, count: int, rng: random.Random) -> list[Article]:
    """Return articles of a file by chance, each with some of its paragraphs."""
    least, least_of_all = _LEAST[language]
    found: list[Article] = []
    for title, paragraphs in articles_of(path):
        long = [number for number, paragraph in enumerate(paragraphs) if len(paragraph) >= least]
        chosen = sorted(rng.sample(long, min(_PARAGRAPHS, len(long))))
        texts = [simplified(paragraphs[number]) for number in chosen]
        if sum(map(len, texts)) >= least_of_all:
            found.append((title, texts))
    return rng.sample(found, count)


def main() -> int:
    """Write the sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    for code in _LEAST:
        parser.add_argument(f"--{code}", nargs="+", default=[], metavar="FILE=ARTICLES")
    parser.add_argument("--sets", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for code in _LEAST:
        sets: list[list[Article]] = [[] for _ in range(options.sets)]
        for number, source in enumerate(getattr(options, code)):
            name, _, count = source.rpartition("=")
            rng = random.Random(f"{options.seed} {code} {number}")
            articles = drawn(Path(name), code, options.sets * int(count), rng)
            for place in range(options.sets):
                sets[place] += articles[place :: options.sets]
        for place, chosen in enumerate(sets, 1):
            data = [
                {"title": title, "paragraphs": [{"context": text, "qas": []} for text in texts]}
                for title, texts in chosen
            ]
            folder = options.out / str(place)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"unseen.{code}.json").write_text(json.dumps({"data": data}, ensure_ascii=False), "utf-8")
            print(place, code, "; ".join(title for title, _ in chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
