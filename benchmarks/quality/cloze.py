"""Questions without a model on articles of XQuAD, for a person to read, and the faults that a program can count.

    python -m benchmarks.quality.cloze DIRECTORY [--first 0] [--articles 10] [--only 3,5,8] [--count 3] [--seed 1]

`DIRECTORY` holds `xquad.en.json` and `xquad.zh.json`, or a set of `benchmarks.quality.unseen`. Of each language the
articles from `--first` on, or those at the positions of `--only`, give an exercise of `--count` questions each,
their kinds in turn, as the service makes them. An article's title is the heading above its text, unless `--bare` is
given. Counted are answers that another question of the exercise holds, words that a gap cuts, sentences that lean
on the one before, and true and false statements.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.quality.generation import show
from services.exercises.adapters.clients.fake import FakeChatModel
from services.exercises.adapters.workers.fake import FakeMaterialWorker
from services.exercises.domain.generation.generator import QuestionGenerator
from services.exercises.values.exercise import Event, QuestionMade, QuestionRefused
from services.exercises.values.generation import GenerationLimits, GenerationPlan
from services.exercises.values.question import GAP, GeneratorChoice, Passage, Question, QuestionKind
from services.language.folding import fold, normalize

_CUT = re.compile(rf"[^\W\d_\u3400-\u9fff]{GAP}|{GAP}[^\W\d_\u3400-\u9fff]")
_DANGLING = re.compile(
    r"^(?:(?:since then|then|this|these|those|it|he|she|they|such|later|at that)\b|此后|此外|该|这|那|其|他|她|它|当时)"
    r"|\b(?:this|these) (?!statements|belong)\w+|这些|那些|(?<!应)该",
    re.IGNORECASE,
)


async def exercise(passages: Sequence[Passage], kinds: Sequence[QuestionKind], count: int, seed: int) -> list[Question]:
    """Return an exercise as the service makes it without a model."""
    made: list[Question] = []

    async def publish(event: Event) -> None:
        match event:
            case QuestionMade(question):
                made.append(question)
            case QuestionRefused(kind, reason):
                print(f"  {kind}: {reason}")

    plan = GenerationPlan(tuple(passages), tuple(kinds), count, GeneratorChoice.CLOZE_ONLY, "", seed)
    await QuestionGenerator(FakeChatModel(lambda _: ""), FakeMaterialWorker(), GenerationLimits()).generate(
        plan, publish
    )
    return made


def answers(question: Question) -> list[str]:
    """Return what a question asks for, as far as it is words."""
    key = question.answer_key
    options = [option.text for option in question.options if option.key in key.option_keys]
    return [*options, *(accepted[0] for accepted in key.blanks), *filter(None, [key.reference])]


def faults(made: Sequence[Question]) -> Counter[str]:
    """Count the faults of one exercise that a program can see."""
    found: Counter[str] = Counter()
    for question in made:
        others = [other for other in made if other is not question]
        shown = [text for other in others for text in (other.stem, *(option.text for option in other.options))]
        leaks = any(
            re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", text, re.IGNORECASE)
            or (len(fold(answer)) > 1 and not answer.isascii() and fold(answer) in fold(text))
            for answer in answers(question)
            for text in shown
        )
        found["answer in another"] += leaks
        found["cut word"] += _CUT.search(question.stem) is not None
        found["dangling"] += any(
            _DANGLING.search(text) for text in (question.stem, *(o.text for o in question.options))
        )
        found["true"] += question.answer_key.truth is True
        found["false"] += question.answer_key.truth is False
    return found


async def measure(name: str, articles: Sequence[Any], options: argparse.Namespace) -> None:
    """Print the exercises of one language and its counts."""
    found: Counter[str] = Counter()
    kinds = list(QuestionKind)
    number = 0
    chosen = options.only or range(len(articles))[options.first :][: options.articles]
    for place, position in enumerate(chosen):
        article = articles[position]
        headings = (article["title"].replace("_", " "),) if not options.bare else ()
        passages = [Passage(normalize(part["context"]), heading_path=headings) for part in article["paragraphs"]]
        turn = options.count * place % len(kinds)
        made = await exercise(passages, kinds[turn:] + kinds[:turn], options.count, options.seed + place)
        found += faults(made)
        for question in made:
            number += 1
            found[question.kind] += 1
            print(f"\n{name} {position}.{question.number} ({number}) {show(question)}")
    print(f"\n{name}: {dict(found)}\n")


def _positions(text: str) -> list[int]:
    return [int(position) for position in text.split(",")]


def main() -> int:
    """Print the exercises of both languages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, help="where a file of each language is")
    parser.add_argument("--first", type=int, default=0, help="articles to pass over")
    parser.add_argument("--articles", type=int, default=10, help="articles of each language")
    parser.add_argument("--only", type=_positions, default=[], help="positions of articles, with commas, from 0")
    parser.add_argument("--count", type=int, default=3, help="questions of an article")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first article")
    parser.add_argument("--bare", action="store_true", help="leave out the titles, which documents mostly have")
    options = parser.parse_args()
    for code in ("en", "zh"):
        (file,) = options.directory.glob(f"*.{code}.json")
        asyncio.run(measure(code, json.loads(file.read_text(encoding="utf-8"))["data"], options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
