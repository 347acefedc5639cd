"""How many of a model's questions pass the checks, what they cost, and the questions themselves.

    python -m benchmarks.quality.generation --base-url http://127.0.0.1:8081/v1 --model NAME [--count 6]
        [--kinds true_false single_choice] [--calls calls.jsonl] [--unexplained] [--refused] [FILE …]

The service's own generator asks the model for `--count` questions of each kind about each document (by default the two
of the demo), one at a time and without cloze. Printed are a table and then every question that was accepted, with its
key and quote, for a person to judge: no program knows whether a key is right. `--calls` keeps each answer of the model
beside what it was asked, and answers from there what was asked before: another rule is tried without asking again.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.common.values import TokenUsage
from services.demo.script import DOCUMENTS
from services.docs.adapters.parsers.worker import parse_and_chunk
from services.docs.domain.upload.media_types import PDF, PPTX, TEXT
from services.exercises.domain.generation.generator import QuestionGenerator
from services.exercises.ports import MaterialWorker
from services.exercises.values.chat import ChatFinish, ChatRequest
from services.exercises.values.exercise import Event, QuestionMade, QuestionRefused
from services.exercises.values.generation import GenerationLimits, GenerationPlan
from services.exercises.values.question import Draft, GeneratorChoice, Passage, Question, QuestionKind
from services.llm.adapters.providers.openai_http import OpenAiHttpProvider
from services.llm.values import chat as llm_chat

CALL_SECONDS = 1800.0
_MEDIA_TYPES = {".pdf": PDF, ".pptx": PPTX, ".txt": TEXT}


@dataclass
class KeptModel:
    """A `ports.ChatModel` over a provider that keeps every answer in a file and gives it again to the same request."""

    provider: OpenAiHttpProvider
    file: Path | None
    calls: Counter[str] = field(default_factory=Counter)
    """How often the model was asked, by the name of the schema."""
    seconds: Counter[str] = field(default_factory=Counter)
    last: str = ""
    """The latest question as the model wrote it."""
    _kept: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file is not None and self.file.is_file():
            for line in self.file.read_text(encoding="utf-8").splitlines():
                call = json.loads(line)
                self._kept[call["task"]] = call

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[str | ChatFinish]]:
        """See `ports.ChatModel`."""
        async with aclosing(self._answer(request)) as pieces:
            yield pieces

    async def _answer(self, request: ChatRequest) -> AsyncGenerator[str | ChatFinish, None]:
        key = hashlib.sha256(json.dumps(dataclasses.asdict(request), sort_keys=True).encode()).hexdigest()
        call = self._kept.get(key)
        if call is None:
            began = time.perf_counter()
            done = await self.provider.complete(_llm_request(request), CALL_SECONDS)
            used = done.usage
            call = {
                "task": key,
                "name": request.schema_name,
                "asked": request.messages[-1].content,
                "text": done.text,
                "seconds": round(time.perf_counter() - began, 2),
                "usage": [used.prompt_tokens, used.completion_tokens] if used else [0, 0],
            }
            self._kept[key] = call
            if self.file is not None:
                line = json.dumps(call, ensure_ascii=False) + "\n"
                await asyncio.to_thread(_append, self.file, line)
        self.calls[request.schema_name] += 1
        self.seconds[request.schema_name] += call["seconds"]
        self.last = call["text"]
        yield call["text"]
        yield ChatFinish(request.model, TokenUsage(*call["usage"]))


def _append(file: Path, line: str) -> None:
    with file.open("a", encoding="utf-8") as end:
        end.write(line)


def _llm_request(request: ChatRequest) -> llm_chat.ChatRequest:
    return llm_chat.ChatRequest(
        model=request.model,
        messages=[llm_chat.ChatMessage(llm_chat.Role(message.role), message.content) for message in request.messages],
        temperature=request.temperature,
        max_tokens=request.max_tokens,
        seed=request.seed,
        output=llm_chat.OutputSchema(request.schema_name, request.schema),
    )


class NoCloze(MaterialWorker):
    """Makes nothing: only the model is measured."""

    async def drafts(
        self, passages: Sequence[Passage], kinds: Mapping[QuestionKind, int], seed: int
    ) -> dict[QuestionKind, list[Draft]]:
        """Make no draft."""
        return {}


def passages_of(file: Path) -> tuple[Passage, ...]:
    """Return a document's chunks as the service would index them."""
    parsed, chunks = parse_and_chunk(file, _MEDIA_TYPES[file.suffix])
    return tuple(
        Passage(
            text=parsed.text[chunk.start : chunk.end],
            start=chunk.start,
            page=chunk.page,
            document_id=file.stem,
            document_name=file.name,
            heading_path=chunk.heading_path,
        )
        for chunk in chunks
    )


async def measure(file: Path, kind: QuestionKind, model: KeptModel, options: argparse.Namespace) -> list[Question]:
    """Questions of one kind about one document; prints a line of figures."""
    made: list[Question] = []
    refused: Counter[str] = Counter()
    calls, seconds = sum(model.calls.values()), sum(model.seconds.values())

    async def publish(event: Event) -> None:
        match event:
            case QuestionMade(question):
                made.append(question)
            case QuestionRefused(_, reason):
                refused[reason] += 1
                if options.refused:
                    print(f"REFUSED {kind} {reason} {model.last}", flush=True)

    plan = GenerationPlan(
        passages=passages_of(file),
        kinds=(kind,),
        count=options.count,
        generator=GeneratorChoice.MODEL_ONLY,
        model=options.model,
        seed=options.seed,
    )
    limits = GenerationLimits(
        in_flight=1,
        question_seconds=CALL_SECONDS,
        verification_seconds=CALL_SECONDS,
        model_explains=not options.unexplained,
    )
    await QuestionGenerator(model, NoCloze(), limits).generate(plan, publish)
    calls, seconds = sum(model.calls.values()) - calls, sum(model.seconds.values()) - seconds
    tries = len(made) + sum(refused.values())
    reasons = ", ".join(f"{reason} {count}" for reason, count in refused.most_common())
    print(
        f"{file.stem:16} {kind:18} {len(made):3} of {tries:3}  {calls:4} calls  {seconds:6.0f} s"
        f"  {seconds / max(1, len(made)):5.0f} s a question  {reasons}",
        flush=True,
    )
    return made


def show(question: Question) -> str:
    """Return a question with its key, as a person reads it."""
    key = question.answer_key
    lines = [f"[{question.kind}] {question.stem}"]
    for option in question.options:
        lines.append(f"   {'*' if option.key in key.option_keys else ' '} {option.key}. {option.text}")
    if key.truth is not None:
        lines.append(f"   * {key.truth}")
    if key.blanks:
        lines.append(f"   * {' | '.join(accepted[0] for accepted in key.blanks)}")
    if key.reference:
        lines.append(f"   * {key.reference}")
        lines += [f"     - {point.text}" for point in key.rubric]
    return "\n".join([*lines, f"   explanation: {question.explanation}", f"   quote: {question.source.quote}"])


async def run(options: argparse.Namespace) -> None:
    """Measures every kind on every document, then shows what was accepted."""
    async with OpenAiHttpProvider.open("bench", options.base_url, "") as provider:
        model = KeptModel(provider, options.calls)
        made = [
            question
            for file in options.files
            for kind in options.kinds
            for question in await measure(file, kind, model, options)
        ]
    for number, question in enumerate(made, 1):
        print(f"\n{number}. {show(question)}")


def main() -> int:
    """Run the bench; 2 when no model is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, default=[one.file for one in DOCUMENTS], help="material")
    parser.add_argument("--base-url", required=True, help="an OpenAI-compatible server, with its /v1")
    parser.add_argument("--model", required=True, help="the model's name there")
    parser.add_argument("--count", type=int, default=6, help="questions of each kind about each document")
    parser.add_argument("--kinds", nargs="+", type=QuestionKind, default=list(QuestionKind), help="kinds of questions")
    parser.add_argument("--seed", type=int, default=1, help="places and order of what is asked")
    parser.add_argument("--calls", type=Path, help="file of the model's answers: read first, then added to")
    parser.add_argument("--unexplained", action="store_true", help="as `tiku up` asks its own engine: no explanations")
    parser.add_argument("--refused", action="store_true", help="print what was refused too, as the model wrote it")
    asyncio.run(run(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
