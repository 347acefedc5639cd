"""Tiku's gateway and llm service as a gateway to providers, beside LiteLLM's proxy and the limits.

Each peer is a set of processes, whose processor time and memory are added up: of what its machine is asked, time is the
least certain figure. LiteLLM gets an environment of its own, made on the first run with pinned versions. Ours has
prices, a budget that holds for every call, and its ledger in PostgreSQL, whose time is stated and counted as well.

The limits are a forwarder over aiohttp that reads nothing of what it passes on, and the same with one bare gRPC hop in
its middle, since ours are two services.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import statistics
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import psutil

from benchmarks import load
from benchmarks.harness import ROOT, answers, free_address, running
from services.embedded.postgres import postgres
from services.embedded.process import SupervisedProcess

LITELLM = "1.108.7"
_LATENCY, _TAIL = "0.05", "0.1"
_TOKENS = 100
_OPEN_STREAMS = 1000
_BEGUN_LOOKS = 400
_STARTED_SECONDS = 400.0
_STALL = re.compile(r"^tiku_loop_stalled_max_seconds (\S+)", re.MULTILINE)


def _request(**members: object) -> bytes:
    body = {"model": "bench", "messages": [{"role": "user", "content": "x" * 100}], "max_tokens": 200, **members}
    return load.prepare("POST", "/v1/chat/completions", orjson.dumps(body))


CHAT, STREAM = _request(), _request(stream=True)
LONG = _request(messages=[{"role": "user", "content": "word " * 100_000}])


@dataclass(slots=True)
class Peer:
    """What is measured: where it listens, and its processes."""

    name: str
    url: str
    processes: list[psutil.Process]
    metrics: list[str] = field(default_factory=list)
    """Pages that tell how long its loops were held."""

    def cpu(self) -> float:
        """Return the processor seconds of all of its processes."""
        return sum(sum(one.cpu_times()[:2]) for process in self.processes for one in _family(process))

    def memory(self) -> int:
        """Return the bytes that its processes hold, each one's share of what they have in common."""
        return sum(one.memory_full_info().pss for process in self.processes for one in _family(process))


Opening = Callable[[str], contextlib.AbstractAsyncContextManager[Peer]]


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


@asynccontextmanager
async def _line(module: str, *arguments: str) -> AsyncIterator[tuple[str, psutil.Process]]:
    """Run a module that prints its address; give that and the process."""
    async with running(module, *arguments, core=None) as process:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip(), psutil.Process(process.pid)


@asynccontextmanager
async def _forwarder(provider: str) -> AsyncIterator[Peer]:
    async with _line("benchmarks.servers.forwarder", "http", provider) as (url, process):
        yield Peer("forwarder", url, [process])


@asynccontextmanager
async def _with_hop(provider: str) -> AsyncIterator[Peer]:
    async with (
        _line("benchmarks.servers.forwarder", "grpc", provider) as (target, behind),
        _line("benchmarks.servers.forwarder", "hop", target) as (url, before),
    ):
        yield Peer("forwarder + gRPC hop", url, [before, behind])


_PROVIDERS = """
[[providers]]
name = "bench"
base_url = "{provider}"
models = [{{ name = "bench", price = {{ input_nanos_per_token = 150, output_nanos_per_token = 600 }} }}]

[[budgets]]
scope = "user"
period = "day"
limit_nanos = 1_000_000_000_000_000
"""


def _tiku(name: str, *, together: bool) -> Opening:
    @asynccontextmanager
    async def opened(provider: str) -> AsyncIterator[Peer]:
        async with _serving(provider, together) as (url, processes, pages):
            yield Peer(name, url, processes, pages)

    return opened


@asynccontextmanager
async def _serving(provider: str, together: bool) -> AsyncIterator[tuple[str, list[psutil.Process], list[str]]]:
    """Run the llm service and the gateway, `together` in one process or each in its own, and their database."""
    with tempfile.TemporaryDirectory(prefix="tiku-bench-") as name:
        folder = Path(name)
        file = folder / "providers.toml"
        await asyncio.to_thread(file.write_text, _PROVIDERS.format(provider=provider))
        async with AsyncExitStack() as stack:
            server = await asyncio.to_thread(postgres, folder / "pg", folder / "run", folder / "pg.log")
            database = SupervisedProcess(server.spec)
            await database.start()
            stack.push_async_callback(database.stop)
            llm, gateway, metrics = free_address(), free_address(), free_address()
            limits = ("MAX_IN_FLIGHT", "MAX_SENDING", "MAX_CONNECTIONS")
            environment = {
                "TIKU_LOG_LEVEL": "ERROR",
                "TIKU_POSTGRES_DSN": server.dsn,
                "TIKU_LLM_PROVIDERS_FILE": str(file),
                "TIKU_METRICS_LISTEN": metrics,
                "TIKU_MAX_IN_FLIGHT": "4000",
                "TIKU_LLM_TARGET": llm,
                "TIKU_GATEWAY_LISTEN": gateway,
                "TIKU_GATEWAY_MAX_CLIENT_SHARE": "1",
                **{f"TIKU_GATEWAY_{limit}": "4000" for limit in limits},
            }
            command = ("services", "serve", "llm", "--listen", llm, *(("--with-gateway",) if together else ()))
            started = [await stack.enter_async_context(running(*command, environment=environment, core=None))]
            await answers(llm, started[0])
            if not together:
                started.append(await stack.enter_async_context(running("gateway", environment=environment, core=None)))
            await answers(gateway, started[-1])
            processes = [psutil.Process(pid) for pid in (*(one.pid for one in started), database.pid) if pid]
            yield f"http://{gateway}", processes, [f"http://{metrics}/metrics", f"http://{gateway}/metrics"]


_LITELLM = """
model_list:
  - model_name: bench
    litellm_params: {{model: openai/bench, api_base: "{provider}", api_key: x}}
    model_info: {{input_cost_per_token: 0.00000015, output_cost_per_token: 0.0000006}}
litellm_settings: {{num_retries: 0}}
"""


async def _litellm_python() -> Path:
    """Return the interpreter of LiteLLM's own environment, which is made where it does not exist."""
    folder = ROOT / ".tiku" / "benchmarks" / f"litellm-{LITELLM}"
    if not await asyncio.to_thread((folder / "bin" / "litellm").exists):
        for command in (
            (sys.executable, "-m", "venv", str(folder)),
            (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", f"litellm[proxy]=={LITELLM}"),
        ):
            made = await asyncio.create_subprocess_exec(*command)
            if await made.wait():
                raise RuntimeError(f"the environment of LiteLLM cannot be made: {' '.join(command)}")
    return folder / "bin" / "python"


def _litellm(name: str, environment: dict[str, str]) -> Opening:
    @asynccontextmanager
    async def opened(provider: str) -> AsyncIterator[Peer]:
        python = await _litellm_python()
        with tempfile.TemporaryDirectory(prefix="tiku-bench-") as folder:
            file, address = Path(folder) / "config.yaml", free_address()
            await asyncio.to_thread(file.write_text, _LITELLM.format(provider=provider))
            process = await asyncio.create_subprocess_exec(
                *(str(python.parent / "litellm"), "--config", str(file), "--host", "127.0.0.1"),
                *("--port", address.rpartition(":")[2]),
                env={
                    "PATH": "/usr/bin:/bin",
                    "HOME": folder,
                    "LITELLM_LOG": "ERROR",
                    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
                    **environment,
                },
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                await _listens(address, process)
                yield Peer(name, f"http://{address}", [psutil.Process(process.pid)])
            finally:
                if process.returncode is None:
                    process.terminate()
                await process.wait()

    return opened


async def _listens(address: str, process: asyncio.subprocess.Process) -> None:
    """Wait as `answers` does, for what takes longer to start."""
    async with asyncio.timeout(_STARTED_SECONDS):
        while True:
            with contextlib.suppress(TimeoutError):
                return await answers(address, process)


PEERS: tuple[Opening, ...] = (
    _tiku("Tiku", together=False),
    _tiku("Tiku, one process", together=True),
    _litellm("LiteLLM", {}),
    _litellm("LiteLLM, Rust mode", {"LITELLM_RUST": "true"}),
    _forwarder,
    _with_hop,
)
HEADER = "| peer | what | requests/s | CPU, ms a request | P50 / P95 | memory |\n| --- | --- | --- | --- | --- | --- |"


async def run(*, seconds: float = 4.0) -> AsyncIterator[str]:
    """Yield the rows of every peer: chats, streams, what a tail allows, open streams, long prompts."""
    yield HEADER
    for opening in PEERS:
        async for row in rows(opening, seconds):
            yield row


async def rows(opening: Opening, seconds: float) -> AsyncIterator[str]:
    """Yield the rows of one peer."""
    async with AsyncExitStack() as stack:
        tokens = ("--tokens", str(_TOKENS))
        fast, _ = await stack.enter_async_context(
            _line("benchmarks.servers.provider", "--latency", _LATENCY, "--tail", _TAIL, *tokens)
        )
        peer = await stack.enter_async_context(opening(fast))
        await load.run(peer.url, CHAT, concurrency=20, seconds=1)  # What is done once is done.
        await load.run(peer.url, STREAM, concurrency=5, seconds=1)
        for what, request in (("chat", CHAT), (f"streams of {_TOKENS} tokens", STREAM)):
            for clients in (20, 100):
                yield await _row(peer, f"{what}, {clients} clients", request, clients, seconds)
        for extra in (0.005, 0.010, 0.050):
            yield f"| {peer.name} | chat, P95 at most {extra * 1000:.0f} ms late | {await _within(peer, extra)} | | | |"
        yield await _beside_long(peer, seconds)
        yield f"| {peer.name} | longest that a loop was held | {await _held(peer)} | | | |"
    async with AsyncExitStack() as stack:
        slow, _ = await stack.enter_async_context(
            _line("benchmarks.servers.provider", "--latency", _LATENCY, "--pace", "20", *tokens)
        )
        yield await _open_streams(await stack.enter_async_context(opening(slow)))


async def _row(peer: Peer, what: str, request: bytes, clients: int, seconds: float) -> str:
    before = peer.cpu()
    seen = await load.run(peer.url, request, concurrency=clients, seconds=seconds)
    cost = (peer.cpu() - before) / seen.requests * 1000
    failed = f" ({seen.failures} failed)" if seen.failures else ""
    return (
        f"| {peer.name} | {what}{failed} | {seen.per_second:.0f} | {cost:.2f} "
        f"| {seen.p50 * 1000:.0f} / {seen.p95 * 1000:.0f} ms | {peer.memory() / 1e6:.0f} MB |"
    )


async def _within(peer: Peer, extra: float) -> str:
    """Return the most requests a second at which P95 is no later than `extra` seconds after the provider's own P95."""
    best = 0.0
    # One answer in twenty is late by the tail, so the P95 of the provider itself is at its edge.
    allowed = float(_LATENCY) + extra
    for clients in (1, 5, 10, 20, 40, 80, 160):
        seen = await load.run(peer.url, CHAT, concurrency=clients, seconds=1.0, least=2)
        prompt = sorted(seen.latencies)[: round(len(seen.latencies) * 0.95)]
        if statistics.quantiles(prompt, n=20)[-1] > allowed if len(prompt) > 1 else prompt[0] > allowed:
            break
        best = max(best, seen.per_second)
    return f"{best:.0f}"


async def _beside_long(peer: Peer, seconds: float) -> str:
    """Return how much later streams end while two clients send prompts of 100,000 tokens."""
    alone = await load.run(peer.url, STREAM, concurrency=5, seconds=seconds / 2)
    asking = asyncio.create_task(load.run(peer.url, LONG, concurrency=2, seconds=seconds / 2 + 0.5))
    await asyncio.sleep(0.25)
    beside = await load.run(peer.url, STREAM, concurrency=5, seconds=seconds / 2)
    long = await asking
    return (
        f"| {peer.name} | 5 streams beside prompts of 100,000 tokens | {beside.per_second:.0f} (alone "
        f"{alone.per_second:.0f}), {long.per_second:.0f} long | | {beside.p50 * 1000:.0f} / {beside.p95 * 1000:.0f} ms "
        f"(alone {alone.p50 * 1000:.0f} / {alone.p95 * 1000:.0f}) | |"
    )


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310  # Of this machine.
        return str(page.read(), "utf-8")


async def _held(peer: Peer) -> str:
    pages = [await asyncio.to_thread(_read, url) for url in peer.metrics]
    found = [float(match[1]) for page in pages if (match := _STALL.search(page))]
    return " and ".join(f"{seconds * 1000:.0f} ms" for seconds in found) or "not told"


async def _open_streams(peer: Peer) -> str:
    """Return what it holds while so many streams are open, each of which has begun."""
    await load.run(peer.url, CHAT, concurrency=20, seconds=0.5)
    before = peer.memory()
    connections = [await load.Connection.open(peer.url) for _ in range(_OPEN_STREAMS)]
    asked = [asyncio.create_task(connection.ask(STREAM)) for connection in connections]
    for _ in range(_BEGUN_LOOKS):
        if all(connection.first_byte_seconds for connection in connections):
            break
        await asyncio.sleep(0.5)
    begun = sum(connection.first_byte_seconds > 0 for connection in connections)
    after = peer.memory()
    for connection, task in zip(connections, asked, strict=True):
        connection.close()
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    return (
        f"| {peer.name} | {begun} of {_OPEN_STREAMS} streams open | | | "
        f"| {after / 1e6:.0f} MB ({(after - before) / 1e6:.0f} more than before) |"
    )
