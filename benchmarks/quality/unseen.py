"""Sets of articles that nobody looked at, in XQuAD's shape and size, drawn by a seed from files that hold many.

    python -m benchmarks.quality.unseen OUT --en FILE=4 FILE=6 --zh FILE=10 [--sets 3] [--seed 1]

A file is SQuAD-shaped JSON, or text of WikiText, which is cut into tokens and is joined again, or a folder of
Markdown pages with a title in front, as OpenStax's books have them. `FILE=4` gives four articles to each set. Set N
is the folder OUT/N with a file a language, which `benchmarks.quality.cloze` reads. No two sets share an article. An
article gives five of its paragraphs, in their order; Chinese is written in simplified characters, which are those
of the dictionary that finds terms.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Iterator, Sequence, Set
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

_PAGE_TITLE = re.compile(r'^title: "?(.*?)"?$', re.MULTILINE)
_NO_PARAGRAPH = re.compile(r"\s*(?:[#<!|>*+-]|\d+\.|---|title:|layout:)")
_MARKS = (
    (re.compile(r"\[\\\[link\\\]\]\([^)]*\)"), "Figure 1"),
    (re.compile(r"!?\[((?:[^\[\]]|\\.)*)\](?:\([^)]*\)|\[\d+\])"), r"\1"),
    (re.compile(r"\{:[^}]*\}|<[^>]*>|\*"), ""),
    (re.compile(r"\\(?=\W)"), ""),
)
"""What Markdown marks; a link without a text of its own names a figure."""

Article = tuple[str, list[str]]
"""Its title and paragraphs."""


def articles_of(path: Path) -> Iterator[Article]:
    """Yield the articles of a file."""
    if path.is_dir():
        yield from map(_page, sorted(path.rglob("*.md")))
        return
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
            title, paragraphs = _rewritten(found[1].replace("<unk>", "").strip(), _JOINS), []
        elif line.strip() and not line.lstrip().startswith("= "):
            paragraphs.append(_rewritten(line.strip(), _JOINS))
    yield title, paragraphs


def _page(path: Path) -> Article:
    """Return a Markdown page as an article, without lists, quotations, pictures and what stands in boxes."""
    text = path.read_text(encoding="utf-8")
    title = _PAGE_TITLE.search(text)
    paragraphs: list[str] = []
    depth = 0
    for line in text.splitlines():
        if not depth and line.strip() and not _NO_PARAGRAPH.match(line):
            paragraphs.append(_rewritten(line.strip(), _MARKS))
        depth = max(0, depth + line.count("<div") - line.count("</div"))
    return title[1] if title else path.stem, paragraphs


def _rewritten(text: str, rewrites: Sequence[tuple[re.Pattern[str], str]]) -> str:
    for pattern, written in rewrites:
        text = pattern.sub(written, text)
    return text


def drawn(path: Path, language: str, count: int, rng: random.Random, seen: Set[str] = frozenset()) -> list[Article]:
    """Return articles of a file by chance, each with some of its paragraphs; none whose title was seen."""
    least, least_of_all = _LEAST[language]
    found: list[Article] = []
    for title, paragraphs in articles_of(path):
        long = [number for number, paragraph in enumerate(paragraphs) if len(paragraph) >= least]
        chosen = sorted(rng.sample(long, min(_PARAGRAPHS, len(long))))
        texts = [simplified(paragraphs[number]) for number in chosen]
        if sum(map(len, texts)) >= least_of_all and simplified(title) not in seen:
            found.append((title, texts))
    return rng.sample(found, count)


def main() -> int:
    """Write the sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    for code in _LEAST:
        parser.add_argument(f"--{code}", nargs="+", default=[], metavar="FILE=ARTICLES")
    parser.add_argument(
        "--without", type=Path, nargs="+", default=[], help="folders of sets whose articles are no more"
    )
    parser.add_argument("--sets", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for code in _LEAST:
        seen = {
            article["title"]
            for folder in options.without
            for file in folder.glob(f"*/unseen.{code}.json")
            for article in json.loads(file.read_text("utf-8"))["data"]
        }
        sets: list[list[Article]] = [[] for _ in range(options.sets)]
        for number, source in enumerate(getattr(options, code)):
            name, _, count = source.rpartition("=")
            rng = random.Random(f"{options.seed} {code} {number}")
            articles = drawn(Path(name), code, options.sets * int(count), rng, seen)
            for place in range(options.sets):
                sets[place] += articles[place :: options.sets]
        for place, chosen in enumerate(sets, 1):
            data = [
                {"title": simplified(title), "paragraphs": [{"context": text, "qas": []} for text in texts]}
                for title, texts in chosen
            ]
            folder = options.out / str(place)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"unseen.{code}.json").write_text(json.dumps({"data": data}, ensure_ascii=False), "utf-8")
            print(place, code, "; ".join(title for title, _ in chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
