"""What reranking by a chat model gains and costs: `python -m benchmarks.quality.reranking SET…`.

The first hits of the fused order are judged by the product's `YesNoReranker` on a server that speaks OpenAI's API and
tells log-probabilities (`--base-url`), or else on the local engine with the default model, which the bench starts. Sets
are those of `benchmarks.quality.fusion`; the questions are of the half that chose nothing.

A question whose passage is not among the first cannot change. Of the others all are judged whose passage is not the
first one, and a sample (`--right`) of those where it is: recall@1 after reranking is what both make of all questions.

    python -m benchmarks.quality.reranking SET… [--limit 400] [--first 3] [--right 20] [--base-url URL]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.local_engine import running
from benchmarks.quality.answers import ready
from benchmarks.quality.embedding import MODEL, Model
from benchmarks.quality.fusion import rank
from services import models
from services.evaluation.sets import Half, Question, QuestionSet, read_set
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.rerankers.yes_no import YesNoReranker
from services.stack.launch import CHAT_MODEL

TIMEOUT_SECONDS = 600.0
"""Of one question: what it costs is measured, not bounded."""


@dataclass
class Judged:
    """Questions of which the reranker read the first hits."""

    first: int = 0
    """Those whose passage comes first then."""
    asked: int = 0
    seconds: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Of them, the share whose passage comes first."""
        return self.first / self.asked if self.asked else 0.0


async def judge(
    reranker: YesNoReranker, found: QuestionSet, asked: list[tuple[Question, list[int]]], first: int
) -> Judged:
    """Rerank the first hits of each question."""
    judged = Judged()
    for question, order in asked:
        began = time.perf_counter()
        ranking = await reranker.rerank(question.text, [found.passages[i] for i in order[:first]], 0, TIMEOUT_SECONDS)
        judged.seconds.append(time.perf_counter() - began)
        judged.tokens.append(ranking.usage.prompt_tokens)
        judged.first += order[ranking.results[0].index] in question.relevant
        judged.asked += 1
    return judged


async def measure(
    model: Model, found: QuestionSet, asked: list[Question], reranker: YesNoReranker, arguments: argparse.Namespace
) -> None:
    """Print recall@1 before and after reranking, and what a question costs."""
    orders = (await rank(model, found, asked))["fused"]
    pairs = list(zip(asked, orders, strict=True))
    right = [pair for pair in pairs if pair[1][0] in pair[0].relevant]
    behind = [pair for pair in pairs if pair not in right and set(pair[1][: arguments.first]) & pair[0].relevant.keys()]
    sample = random.Random(0).sample(right, min(arguments.right, len(right)))
    kept, gained = [await judge(reranker, found, these, arguments.first) for these in (sample, behind)]
    after = (kept.share * len(right) + gained.first) / len(asked)
    seconds, tokens = kept.seconds + gained.seconds, kept.tokens + gained.tokens
    print(f"  first before: {len(right)} of {len(asked)}, of which {kept.first} of {kept.asked} stay")
    print(f"  behind before: {len(behind)}, of which {gained.first} come first")
    print(f"  recall@1 {len(right) / len(asked):.3f}, reranked {after:.3f}")
    print(f"  a question: {np.median(seconds):.1f} s at the median, {np.mean(tokens):.0f} tokens", flush=True)


async def run(arguments: argparse.Namespace, model: Model) -> None:
    """Measure every set on the server that is named, or on the local engine."""
    async with AsyncExitStack() as stack:
        url, name = arguments.base_url, arguments.chat_model
        if not url:
            weights = await models.path(CHAT_MODEL)
            if weights is None:
                raise SystemExit(f"{CHAT_MODEL} is not on this machine")
            engine = await stack.enter_async_context(running("shipped", weights))
            await ready(engine)
            url = f"{engine.url}/v1"
        client = await stack.enter_async_context(ProviderClient.open("bench", url, ""))
        for given in arguments.sets:
            path, _, questions = given.partition(":")
            found = read_set(Path(path), Half.HELD, Path(questions) if questions else None)
            asked = random.Random(0).sample(found.questions, min(arguments.limit, len(found.questions)))
            print(
                f"{given}: {len(found.passages)} passages, {len(asked)} questions, the first {arguments.first} judged"
            )
            await measure(model, found, asked, YesNoReranker(client, name), arguments)


def main() -> int:
    """Run the bench; 0 also when it is skipped for want of the model, with a line that says so."""
    folder = Path(os.environ.get("TIKU_MODELS_DIR", "~/.cache/tiku/models")).expanduser()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="SET", help="SQuAD-shaped file, FILE:QUESTIONS, or BEIR folder")
    parser.add_argument("--base-url", default="", help="a chat model's address, such as http://127.0.0.1:8081/v1")
    parser.add_argument("--chat-model", default="bench", help="its name there")
    parser.add_argument("--limit", type=int, default=400, help="most questions of a set")
    parser.add_argument("--first", type=int, default=3, help="hits of a question that are judged")
    parser.add_argument("--right", type=int, default=20, help="most questions whose passage comes first anyway")
    parser.add_argument("--model", type=Path, default=folder / MODEL, help="folder of the embedding model")
    parser.add_argument("--cache", type=Path, help="file that keeps the embeddings for the next run (.npz)")
    arguments = parser.parse_args()
    if not (arguments.model / "model.safetensors").is_file():
        print(f"SKIPPED: no model at {arguments.model} (`tiku models pull {MODEL}` fetches it)")
        return 0
    with Model(arguments.model, arguments.cache) as model:
        asyncio.run(run(arguments, model))
    return 0


if __name__ == "__main__":
    sys.exit(main())
