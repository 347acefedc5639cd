"""What a text costs on each backend of the local embedding model, and what requests of one text get of it.

    python -m benchmarks embedding

Everything is processor time of one thread, by backend and text in turn within one run: others who share the cores
change a clock, and this less. "Of the best batch" is how many texts a second of processor time embeds in requests of
one text each, through the llm service with all that it does for a request, beside the best way to embed them in the
model's own process: one at a time, or in batches.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import grpc
import psutil

from benchmarks import harness
from services.llm.adapters.local.frames import Ask
from services.llm.adapters.local.worker import Encode, load
from services.llm.values.local import Backend, Task
from services.models import path
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc

MODEL = "multilingual-e5-small"
CONCURRENT = (1, 8, 32, 128)
ROUNDS = 3
TEXTS = 16
REQUESTS = 128
LENGTHS = {"long, 700 characters": 700, "short, 50 characters": 50}
_BATCHES = (1, 4, 16)
_MATERIAL = "\n".join(file.read_text(encoding="utf-8") for file in sorted((harness.ROOT / "docs").glob("*.md")))
_NUMBERS = itertools.count(1)


def _texts(length: int, count: int) -> list[str]:
    """Return texts that nobody embedded before."""
    starts = (977 * next(_NUMBERS) % (len(_MATERIAL) - length) for _ in range(count))
    return [f"{next(_NUMBERS)} {_MATERIAL[start : start + length]}" for start in starts]


def _seconds(encode: Encode, texts: Sequence[str], batch: int) -> float:
    """Return the processor time of a text in batches of so many."""
    began = time.process_time()
    for start in range(0, len(texts), batch):
        encode(Ask(kind="passage", texts=[*texts[start : start + batch]]), lambda: None)
    return (time.process_time() - began) / len(texts)


def _best(encode: Encode, texts: Sequence[str]) -> float:
    return min(_seconds(encode, texts, batch) for batch in _BATCHES)


async def run() -> AsyncIterator[str]:
    """Yield a table of both backends, and one of requests."""
    folder = await path(MODEL)
    if folder is None:
        yield f"embedding: skipped, needs {MODEL}: `tiku models pull {MODEL}`"
        return
    models = {backend: (await asyncio.to_thread(load, folder, backend, Task.EMBED, 1))[0] for backend in Backend}
    yield "| texts | torch, best batch, ms | int8, best batch, ms | torch ÷ int8 | goal |"
    yield "| --- | --- | --- | --- | --- |"
    for name, length in LENGTHS.items():
        times: dict[Backend, list[float]] = {backend: [] for backend in Backend}
        for _ in range(ROUNDS):
            texts = _texts(length, TEXTS)
            for backend, encode in models.items():
                times[backend].append(await asyncio.to_thread(_best, encode, texts))
        ratios = [torch / onnx for torch, onnx in zip(times[Backend.TORCH], times[Backend.ONNX], strict=True)]
        cells = [f"{1000 * statistics.median(times[backend]):.1f}" for backend in (Backend.TORCH, Backend.ONNX)]
        yield f"| {name} | {' | '.join(cells)} | **{statistics.median(ratios):.2f}** ({_range(ratios)}) | ≥ 1.8 |"
    yield "\n| texts | requests at once | of the best batch | goal |\n| --- | --- | --- | --- |"
    async for row in _requests(folder, models[Backend.ONNX]):
        yield row


async def _requests(folder: Path, encode: Encode) -> AsyncIterator[str]:
    environment = {"TIKU_EMBED_MODEL_PATH": str(folder), "TIKU_EMBED_THREADS": "1", "TIKU_LLM_BASE_URL": ""}
    async with harness.service("llm", environment, core=None) as address, grpc.aio.insecure_channel(address) as channel:
        stub = llm_pb2_grpc.LlmServiceStub(channel)
        service = next(
            process
            for process in psutil.Process(os.getpid()).children()
            if any("serve" in part for part in process.cmdline())
        )
        for name, length in LENGTHS.items():
            for at_once in CONCURRENT:
                ratios = []
                for _ in range(ROUNDS):
                    alone = await asyncio.to_thread(_best, encode, _texts(length, TEXTS))
                    before = _spent(service)
                    await _ask(stub, _texts(length, REQUESTS), at_once)
                    ratios.append(alone / ((_spent(service) - before) / REQUESTS))
                yield f"| {name} | {at_once} | **{statistics.median(ratios):.2f}** ({_range(ratios)}) | ≥ 0.85 |"


async def _ask(stub: llm_pb2_grpc.LlmServiceStub, texts: Sequence[str], at_once: int) -> None:
    left = iter(texts)

    async def client() -> None:
        for text in left:
            await stub.Embed(llm_pb2.EmbedRequest(texts=[text], kind=llm_pb2.EMBED_KIND_PASSAGE), timeout=600)

    await asyncio.gather(*(client() for _ in range(at_once)))


def _spent(service: psutil.Process) -> float:
    """Return the processor time of the service and its model's process."""
    times = [process.cpu_times() for process in (service, *service.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.2f}–{max(values):.2f}"
