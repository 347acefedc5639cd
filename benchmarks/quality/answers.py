"""What the local model answers, and how much it reads before it begins: `python -m benchmarks.quality.answers`.

Questions are those of XQuAD's held-out half, asked of all its articles with the product's retrieval, prompts and
checks; only the stores are in memory. The ways are `all`, where everything is read at once, and a speed in tokens a
second, where so much is read first as such a model reads in time (ADR 0077). Each question is asked in every way, in
turn.

    python -m benchmarks.quality.answers --language zh [--questions 60] [--gone] [--save FILE] all 54

A question's answer "holds" if the annotated answer stands in it, and "cites" if a citation is of the paragraph that it
is of. With `--gone` that paragraph is left out: then "refused" is what is right. "read" are the tokens that the engine
did not have in its cache: before the first text of the answer that stood, and in all; processor time is the engine's.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import time
import unicodedata
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path

import aiohttp

from benchmarks.local_engine import Subject, running
from benchmarks.quality import xquad
from benchmarks.quality.embedding import MODEL, Model
from services import models
from services.evaluation.measures import quantile
from services.llm.adapters.providers.openai_http import OpenAiHttpProvider
from services.llm.values import chat as llm
from services.retrieval.adapters.calibrations import toml
from services.retrieval.adapters.clients.fake import FakeModelDirectory
from services.retrieval.adapters.stores.fake import FakeVectorStore
from services.retrieval.adapters.workers.fake import FakeWordReader
from services.retrieval.domain.answering.answerer import Answerer
from services.retrieval.domain.answering.extractive import ExtractiveAnswerer
from services.retrieval.domain.answering.groundedness import GroundednessCheck
from services.retrieval.domain.answering.reading import Reading
from services.retrieval.domain.answering.relevance_gate import RelevanceGate
from services.retrieval.domain.embedding.centering import Centering
from services.retrieval.domain.embedding.indexer import ChunkIndexer
from services.retrieval.domain.search.dense import DenseRetriever
from services.retrieval.domain.search.hybrid import HybridRetriever
from services.retrieval.domain.search.words import WordsRetriever
from services.retrieval.values.answer import AnswerDelta, AnswerDone, AnswerOutcome, AnswerRestarted, Citation
from services.retrieval.values.chat import ChatFinish, ChatRequest, ServedModel
from services.retrieval.values.chunk import EVERYWHERE, Chunk, EmbeddedChunk, LegQuery
from services.stack.launch import CHAT_MODEL

OWNER = "bench"
_LIMIT = 5
_TIMEOUT = 3600.0


@dataclass
class Asked:
    """What became of a question in one way."""

    way: str
    question: str
    wanted: str
    answer: str = ""
    refused: bool = False
    holds: bool = False
    cites: bool = False
    calls: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each call of the model, the tokens that it read anew, had in its cache, and wrote."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class LocalChat:
    """The local engine as a ``ports.ChatModel``, through the llm service's own adapter; keeps count."""

    def __init__(self, provider: OpenAiHttpProvider) -> None:
        self._provider = provider
        self.calls: list[tuple[int, int, int]] = []

    async def stream(self, request: ChatRequest) -> AsyncGenerator[str | ChatFinish, None]:
        """Yield text, then the finish."""
        messages = [llm.ChatMessage(llm.Role(one.role), one.content) for one in request.messages]
        prompt = llm.ChatRequest("bench", messages, temperature=0.0, max_tokens=request.max_tokens)
        async with aclosing(self._provider.stream(prompt, _TIMEOUT)) as events:
            async for event in events:
                if isinstance(event, llm.TextDelta):
                    yield event.text
                    continue
                assert event.usage is not None
                usage = event.usage
                cached = usage.cached_prompt_tokens or 0
                self.calls.append((usage.prompt_tokens - cached, cached, usage.completion_tokens))
                yield ChatFinish(usage, "bench", event.reason is llm.FinishReason.LENGTH)


def chunks_of(corpus: xquad.Corpus) -> list[Chunk]:
    """Return the paragraphs as chunks of their articles, in their order."""
    chunks: list[Chunk] = []
    for article, its in itertools.groupby(range(len(corpus.paragraphs)), key=lambda at: corpus.articles[at]):
        start = 0
        for ordinal, at in enumerate(its):
            text = corpus.paragraphs[at]
            end = start + len(text)
            chunks.append(Chunk(str(at), f"article {article}", "", ordinal, text, 0, start, end, gap="\n\n"))
            start = end + 2
    return chunks


async def store_of(chunks: Sequence[Chunk], model: Model, centering: Centering) -> FakeVectorStore:
    """Return a store that holds the chunks."""
    store = FakeVectorStore()
    vectors = model.embed("passage: ", [chunk.text for chunk in chunks])
    embedded = [EmbeddedChunk(one, vector.tolist()) for one, vector in zip(chunks, vectors, strict=True)]
    await ChunkIndexer(store, centering, FakeWordReader()).index(MODEL, OWNER, embedded)
    return store


def answerer(chat: LocalChat, store: FakeVectorStore, model: Model, centering: Centering, way: str) -> Answerer:
    """Return the product's answerer, whose model reads as the way says."""
    calibrations = toml.load()
    speed = None if way == "all" else float(way)
    return Answerer(
        HybridRetriever([DenseRetriever(model, store, centering), WordsRetriever(store)], store),
        RelevanceGate(calibrations),
        chat,
        ExtractiveAnswerer(model),
        GroundednessCheck(model, centering, calibrations),
        Reading(FakeModelDirectory([ServedModel("bench", "local", speed)])),
    )


async def ask(subject: Answerer, chat: LocalChat, engine: Subject, asked: Asked, gold: str) -> Asked:
    """Ask a question."""
    chat.calls.clear()
    before, began = engine.processor_seconds(), time.perf_counter()
    cited: set[str] = set()
    async with aclosing(subject.answer(LegQuery(asked.question, OWNER, EVERYWHERE, _LIMIT))) as events:
        async for event in events:
            match event:
                case AnswerDelta() if not asked.seconds:
                    asked.seconds = time.perf_counter() - began
                case AnswerRestarted():
                    asked.seconds = 0.0
                    cited.clear()
                case Citation():
                    cited.add(event.source.chunk_id)
                case AnswerDone():
                    asked.answer = event.text
                    asked.refused = event.outcome is AnswerOutcome.NOT_IN_MATERIAL
    asked.cpu_seconds = engine.processor_seconds() - before
    asked.calls = list(chat.calls)
    asked.holds = not asked.refused and plain(asked.wanted) in plain(asked.answer)
    asked.cites = not asked.refused and gold in cited
    return asked


def plain(text: str) -> str:
    """Return a text by its letters and digits."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def table(asked: Sequence[Asked]) -> str:
    """Return what came of every way."""
    columns = ["way", "questions", "holds", "cites", "refused", "read again", "read first, P50", "P90", "read in all"]
    columns += ["written", "CPU s"]
    lines = [f"| {' | '.join(columns)} |", f"{'|---' * len(columns)}|"]
    for way in dict.fromkeys(one.way for one in asked):
        its = [one for one in asked if one.way == way]
        called = [one for one in its if one.calls]
        first = [float(one.calls[0][0]) for one in called] or [0.0]
        lines.append(
            f"| {way} | {len(its)} | {sum(one.holds for one in its)} | {sum(one.cites for one in its)} "
            f"| {sum(one.refused for one in its)} | {sum(len(one.calls) > 1 for one in its)} "
            f"| {quantile(first, 0.5):.0f} | {quantile(first, 0.9):.0f} "
            f"| {sum(call[0] for one in called for call in one.calls) / max(1, len(called)):.0f} "
            f"| {sum(call[2] for one in called for call in one.calls) / max(1, len(called)):.0f} "
            f"| {sum(one.cpu_seconds for one in its) / len(its):.1f} |"
        )
    return "\n".join(lines)


async def ready(engine: Subject) -> None:
    """Return when the engine has read its weights."""
    async with aiohttp.ClientSession() as session:
        for _ in range(600):
            async with session.get(f"{engine.url}/health") as answer:
                if answer.status == HTTPStatus.OK:
                    return
            await asyncio.sleep(0.2)
    raise SystemExit("the engine does not start")


async def main(given: argparse.Namespace) -> None:
    """Ask all questions, and print the table after each."""
    folder, weights = given.model or await models.path(MODEL), given.weights or await models.path(CHAT_MODEL)
    if folder is None or weights is None:
        raise SystemExit(f"{MODEL} or {CHAT_MODEL} is not on this machine")
    corpus = xquad.halve(xquad.load(given.language))[1]
    questions = random.Random(0).sample(corpus.questions, len(corpus.questions))[given.skip :][: given.questions]
    chunks, centering, done = chunks_of(corpus), Centering(toml.load()), []
    with Model(folder, given.cache) as model:
        store = await store_of(chunks, model, centering)
        async with AsyncExitStack() as stack:
            engine = await stack.enter_async_context(running(given.engine, weights))
            await ready(engine)
            provider = await stack.enter_async_context(OpenAiHttpProvider.open("local", f"{engine.url}/v1", ""))
            chat = LocalChat(provider)
            for number, question in enumerate(questions):
                gold = str(question.paragraph)
                if given.gone:
                    store = await store_of([one for one in chunks if one.chunk_id != gold], model, centering)
                for way in given.ways[:: -1 if number % 2 else 1]:
                    subject = answerer(chat, store, model, centering, way)
                    done.append(await ask(subject, chat, engine, Asked(way, question.text, question.answer), gold))
                    if given.save:
                        with given.save.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(asdict(done[-1]), ensure_ascii=False) + "\n")
    print(table(done))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.answers", description=__doc__)
    parser.add_argument("ways", nargs="+", metavar="WAY", help="all, or a speed in tokens a second")
    parser.add_argument("--language", choices=xquad.LANGUAGES, default="en", help="(default: %(default)s)")
    parser.add_argument("--questions", type=int, default=60, help="how many (default: %(default)s)")
    parser.add_argument("--skip", type=int, default=0, help="how many to leave out before them (default: %(default)s)")
    parser.add_argument("--gone", action="store_true", help="leave out the paragraph that holds the answer")
    parser.add_argument("--engine", default="shipped", help="a variant of benchmarks.local_engine")
    parser.add_argument("--weights", type=Path, help="another GGUF file")
    parser.add_argument("--model", type=Path, help="folder of the embedding model")
    parser.add_argument("--cache", type=Path, help="file in which vectors are kept")
    parser.add_argument("--save", type=Path, help="file to which each answer is added, a line each")
    asyncio.run(main(parser.parse_args()))
