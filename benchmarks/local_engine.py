"""The local engine's settings, one changed at a time: how fast it reads and writes, and what that costs.

`python -m benchmarks.local_engine [--rounds 3] [--kinds KIND…] [--busy CORES] [VARIANT…]` starts one server a variant
and asks them in turn, in one run: a question of each kind with its JSON Schema, as Tiku asks it. `--busy` keeps cores
busy meanwhile.
Variants: `shipped`, and what differs from it: `one-thread`, `one-reads` and `one-writes` (one thread for either),
`spinning`, `8-bit` (the cache), `no-lookup` (no words of the prompt as drafts), `lookup-2-4`, `lookup-2-8`,
`lookup-4-6`, `lookup-map` (how many words are looked for, how many are drafted, and by a map of all), `as-before` (one
thread, 8 bits and no lookup), `no-flash`, `batch-128`, `batch-256`, `batch-1024` (tokens read at once), `no-repack`
(weights as they lie in the file), `mapped`, `locked` (weights mapped, or kept in memory), `one-cache` (slots share
their context).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from benchmarks.comparison import TEXT
from services import models
from services.embedded.llama import SLOT_CONTEXT_TOKENS, SLOTS
from services.embedded.network import free_port
from services.exercises.domain.prompts.tasks import QUESTIONS, question_request
from services.exercises.values.question import QuestionKind
from services.language.detection import LANGUAGES
from services.stack.launch import CHAT_MODEL

_MOST_WRITTEN_TOKENS = 150
_TICKS = os.sysconf("SC_CLK_TCK")
_HEADER = (
    "| variant | read tokens/s | written tokens/s | CPU s a question | seconds a question | drafted | accepted |\n"
    f"{'|---' * 7}|"
)


def _one_thread(params: Any) -> None:
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1


def _eight_bits(params: Any) -> None:
    import xllamacpp

    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0


def _as_before(params: Any) -> None:
    _one_thread(params)
    _eight_bits(params)
    _no_lookup(params)


def _no_lookup(params: Any) -> None:
    import xllamacpp

    params.speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NONE]


def _one_reads(params: Any) -> None:
    params.cpuparams_batch.n_threads = 1


def _one_writes(params: Any) -> None:
    params.cpuparams.n_threads = 1


def _read_at_once(tokens: int) -> Callable[[Any], None]:
    def change(params: Any) -> None:
        params.n_ubatch, params.n_batch = tokens, max(tokens, params.n_batch)

    return change


def _looked_up(looked_up: int, drafted: int) -> Callable[[Any], None]:
    def change(params: Any) -> None:
        params.speculative.ngram_simple.size_n, params.speculative.ngram_simple.size_m = looked_up, drafted

    return change


def _lookup_map(params: Any) -> None:
    import xllamacpp

    shipped = params.speculative.ngram_simple
    params.speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_MAP_K]
    params.speculative.ngram_map_k.size_n, params.speculative.ngram_map_k.size_m = shipped.size_n, shipped.size_m


def _no_repack(params: Any) -> None:
    params.no_extra_bufts = True


def _loaded(mode: str) -> Callable[[Any], None]:
    def change(params: Any) -> None:
        import xllamacpp

        params.load_mode = getattr(xllamacpp.llama_load_mode, f"LLAMA_LOAD_MODE_{mode}")

    return change


def _one_cache(params: Any) -> None:
    params.kv_unified = True


def _no_flash(params: Any) -> None:
    import xllamacpp

    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED


def _as_shipped(_: Any) -> None:
    pass


VARIANTS: Final[dict[str, Callable[[Any], None]]] = {
    "shipped": _as_shipped,
    "as-before": _as_before,
    "one-thread": _one_thread,
    "8-bit": _eight_bits,
    "spinning": _as_shipped,
    "no-lookup": _no_lookup,
    "no-flash": _no_flash,
    "one-reads": _one_reads,
    "one-writes": _one_writes,
    "batch-128": _read_at_once(128),
    "batch-256": _read_at_once(256),
    "batch-1024": _read_at_once(1024),
    "lookup-2-4": _looked_up(2, 4),
    "lookup-2-8": _looked_up(2, 8),
    "lookup-4-6": _looked_up(4, 6),
    "lookup-map": _lookup_map,
    "no-repack": _no_repack,
    "mapped": _loaded("MMAP"),
    "locked": _loaded("MLOCK"),
    "one-cache": _one_cache,
}
_ENVIRONMENT: Final = {"spinning": {"GOMP_SPINCOUNT": "300000"}}
"""What OpenMP does where nobody says anything."""


def serve(variant: str, model: Path, port: int) -> None:
    """Serve the model as a variant, until this process is ended."""
    from services.embedded import llama_server

    options = argparse.Namespace(
        model=model,
        alias="bench",
        host="127.0.0.1",
        port=port,
        slots=SLOTS,
        slot_context=SLOT_CONTEXT_TOKENS,
        threads=len(os.sched_getaffinity(0)),
    )
    params = llama_server.parameters(options)
    VARIANTS[variant](params)

    import xllamacpp  # Only now: OpenMP reads at its first import what the server's module says.

    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    signal.pause()


@dataclass
class Subject:
    """A server, and what its answers took altogether."""

    name: str
    pid: int
    url: str
    read: int = 0
    read_seconds: float = 0.0
    written: int = 0
    write_seconds: float = 0.0
    drafted: int = 0
    accepted: int = 0
    cpu_seconds: list[float] = field(default_factory=list)

    async def ask(self, session: aiohttp.ClientSession, body: dict[str, Any]) -> None:
        """Have one question made."""
        before = self.processor_seconds()
        async with session.post(f"{self.url}/v1/chat/completions", json=body) as answer:
            seen = (await answer.json())["timings"]
        self.cpu_seconds.append(self.processor_seconds() - before)
        self.read, self.read_seconds = self.read + seen["prompt_n"], self.read_seconds + seen["prompt_ms"] / 1000
        self.written += seen["predicted_n"]
        self.write_seconds += seen["predicted_ms"] / 1000
        self.drafted += seen.get("draft_n", 0)
        self.accepted += seen.get("draft_n_accepted", 0)

    def processor_seconds(self) -> float:
        """Return the processor time that the server has taken."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def row(self) -> str:
        """Return a row of the table."""
        count = len(self.cpu_seconds)
        return (
            f"| {self.name} | {self.read / self.read_seconds:.1f} | {self.written / self.write_seconds:.2f} "
            f"| {sum(self.cpu_seconds) / count:.1f} | {(self.read_seconds + self.write_seconds) / count:.1f} "
            f"| {self.drafted} | {self.accepted} |"
        )


def bodies(rounds: int, kinds: Collection[QuestionKind] = tuple(QuestionKind)) -> list[dict[str, Any]]:
    """Return requests for questions of these kinds, each round about another sentence. None shares its material."""
    found = []
    for number in range(rounds):
        sentences = TEXT.split(". ")
        focus = f"{sentences[number % len(sentences)]}."
        for kind, prompt in ((kind, prompt) for kind, prompt in QUESTIONS.items() if kind in kinds):
            request = question_request(
                prompt,
                LANGUAGES.of(TEXT),
                material=". ".join(sentences[number % 5 :][:4]),
                focus=focus,
                temperature=0.0,
                seed=number,
            )
            found.append(
                {
                    "messages": [{"role": role, "content": content} for role, content in request.messages],
                    "max_tokens": _MOST_WRITTEN_TOKENS,
                    "temperature": 0,
                    "response_format": {
                        "type": "json_schema",
                        "json_schema": {"name": kind.value, "schema": request.schema},
                    },
                }
            )
    return found


@contextlib.asynccontextmanager
async def running(name: str, model: Path) -> AsyncIterator[Subject]:
    """Run a variant's server while the block runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.local_engine", "--serve", "--model", str(model)),
        *("--port", str(free_port()), name),
        env={**os.environ, **_ENVIRONMENT.get(name, {})},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        yield Subject(name, process.pid, url)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def busy(cores: int) -> AsyncIterator[None]:
    """Keep cores busy while the block runs."""
    processes = [await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass") for _ in range(cores)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            await process.wait()


async def main(names: list[str], model: Path | None, rounds: int, cores: int, kinds: Collection[QuestionKind]) -> None:
    """Print the table."""
    model = model or await models.path(CHAT_MODEL)
    if model is None:
        raise SystemExit(f"{CHAT_MODEL} is not on this machine")
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout()))
        subjects = [await stack.enter_async_context(running(name, model)) for name in names]
        await stack.enter_async_context(busy(cores))
        for number, body in enumerate(bodies(rounds, kinds)):
            for subject in subjects[:: -1 if number % 2 else 1]:
                await subject.ask(session, body)
        print(_HEADER)
        for subject in subjects:
            print(subject.row())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_engine", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="VARIANT", help=f"{', '.join(VARIANTS)} (default: all)")
    parser.add_argument("--model", type=Path, help="another GGUF file")
    parser.add_argument("--kinds", nargs="+", type=QuestionKind, default=list(QuestionKind), help="(default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="questions of each kind (default: %(default)s)")
    parser.add_argument("--busy", type=int, default=0, metavar="CORES", help="cores that another process keeps busy")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.names[0], given.model, given.port)
    else:
        asyncio.run(main(given.names or list(VARIANTS), given.model, given.rounds, given.busy, given.kinds))
