"""How often a statement that its source contradicts is seen, and one that it does not is held to be.

    python -m benchmarks.quality.contradictions [--seed 3]

Each sentence of XQuAD is the source of four statements: itself, a beginning of it cut at a comma, itself with one
number changed, and itself with a denial.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator

from benchmarks.quality.xquad import LANGUAGES, load
from services.language.sentences import split_sentences
from services.retrieval.domain.answering.faithfulness import contradicts

_NUMBER = re.compile(r"(?<![\d.,])\d{2,4}(?![\d.,])")
_AFFIRMED = {
    "en": re.compile(r"\b(is|was|were|are|can|will)\b"),
    "zh": re.compile(r"(?<![不没])(是|有|能|会)"),
}
_DENIED = {"en": r"\1 not", "zh": r"不\1"}


def statements(sentence: str, language: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield what is made of a sentence: kinds and statements."""
    yield "itself", sentence
    clauses = re.split(r"(?<=[,，;；])", sentence)
    if len(clauses) > 1:
        yield "cut at a comma", "".join(clauses[: rng.randint(1, len(clauses) - 1)])
    if number := _NUMBER.search(sentence):
        yield "another number", sentence.replace(number[0], str(int(number[0]) + rng.randint(1, 7)), 1)
    denied = _AFFIRMED[language].sub(_DENIED[language], sentence, count=1)
    if denied != sentence:
        yield "denied", denied


def main() -> None:
    """Print a line for each language and kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=3)
    rng = random.Random(parser.parse_args().seed)
    for language in LANGUAGES:
        found: dict[str, list[bool]] = {}
        for paragraph in load(language).paragraphs:
            for span in split_sentences(paragraph):
                sentence = paragraph[span.start : span.end]
                for kind, statement in statements(sentence, language, rng):
                    found.setdefault(kind, []).append(contradicts(statement, sentence, (paragraph,)))
        for kind, seen in found.items():
            print(f"{language}, {kind}: {sum(seen)} of {len(seen)} held to be contradicted")


if __name__ == "__main__":
    main()
