"""What reranking by a chat model gains and costs: `python -m benchmarks.quality.reranking SET… --base-url URL`.

The first hits of the fused order are judged by the product's `YesNoReranker` on a server that speaks OpenAI's API and
tells log-probabilities, such as the llama.cpp that `tiku up` starts. Sets are those of `benchmarks.quality.fusion`; the
questions are of the half that chose nothing.

    python -m benchmarks.quality.reranking SET… --base-url URL --chat-model NAME [--limit 100] [--first 5]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.quality.embedding import MODEL, Model
from benchmarks.quality.fusion import rank
from services.evaluation.measures import ndcg, recall
from services.evaluation.sets import Half, Question, QuestionSet, read_set
from services.llm.adapters.http import ProviderClient
from services.llm.adapters.rerankers.yes_no import YesNoReranker

TIMEOUT_SECONDS = 600.0
"""Of one question: what it costs is measured, not bounded."""


async def measure(model: Model, found: QuestionSet, asked: list[Question], arguments: argparse.Namespace) -> None:
    """Print recall@1 and nDCG@10 before and after reranking, and what a question costs."""
    fused = (await rank(model, found, asked))["fused"]
    reranked, seconds, tokens = [], [], []
    async with ProviderClient.open("bench", arguments.base_url, "") as client:
        reranker = YesNoReranker(client, arguments.chat_model)
        for question, order in zip(asked, fused, strict=True):
            first, rest = order[: arguments.first], order[arguments.first :]
            began = time.perf_counter()
            ranking = await reranker.rerank(question.text, [found.passages[i] for i in first], 0, TIMEOUT_SECONDS)
            seconds.append(time.perf_counter() - began)
            tokens.append(ranking.usage.prompt_tokens)
            reranked.append([*(first[one.index] for one in ranking.results), *rest])
    for name, orders in (("fused", fused), ("reranked", reranked)):
        pairs = [(order, question.relevant) for order, question in zip(orders, asked, strict=True)]
        gain, first_hits = np.mean([ndcg(*pair) for pair in pairs]), np.mean([recall(*pair, 1) for pair in pairs])
        print(f"  {name:9} nDCG@10 {gain:.3f}  recall@1 {first_hits:.3f}", flush=True)
    print(f"  a question: {np.median(seconds):.2f} s at the median, {np.mean(tokens):.0f} tokens read", flush=True)


def main() -> int:
    """Run the bench; 0 also when it is skipped for want of the model, with a line that says so."""
    models = Path(os.environ.get("TIKU_MODELS_DIR", "~/.cache/tiku/models")).expanduser()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="SET", help="SQuAD-shaped file, FILE:QUESTIONS, or BEIR folder")
    parser.add_argument("--base-url", required=True, help="the chat model's address, such as http://127.0.0.1:8081/v1")
    parser.add_argument("--chat-model", required=True, help="its name there")
    parser.add_argument("--limit", type=int, default=100, help="most questions of a set")
    parser.add_argument("--first", type=int, default=5, help="hits of a question that are judged")
    parser.add_argument("--model", type=Path, default=models / MODEL, help="folder of the embedding model")
    parser.add_argument("--cache", type=Path, help="file that keeps the embeddings for the next run (.npz)")
    arguments = parser.parse_args()
    if not (arguments.model / "model.safetensors").is_file():
        print(f"SKIPPED: no model at {arguments.model} (`tiku models pull {MODEL}` fetches it)")
        return 0
    with Model(arguments.model, arguments.cache) as model:
        for name in arguments.sets:
            path, _, questions = name.partition(":")
            found = read_set(Path(path), Half.HELD, Path(questions) if questions else None)
            asked = random.Random(0).sample(found.questions, min(arguments.limit, len(found.questions)))
            print(f"{name}: {len(found.passages)} passages, {len(asked)} questions, the first {arguments.first} judged")
            asyncio.run(measure(model, found, asked, arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
