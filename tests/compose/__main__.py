"""`python -m tests.compose`, which tests/compose/run starts: the composed stack, used, and again after each kill."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.client.errors import ApiError, ClientError, StreamCutShort, Unreachable
from services.client.rest import TikuClient
from services.demo import script
from tests.compose.engine import CommandFailed, Engine, bring_model, build_images, find_engine
from tests.compose.job import Job, NotHeld

PROJECT = "tiku-test"
MODEL = "multilingual-e5-small"
CONTAINERS = ("gateway", "llm", "retrieval", "docs", "exercises", "postgres", "qdrant", "s3", "provider")
READY_SECONDS = 240.0
RECOVERY_SECONDS = 120.0
UNAVAILABLE = 503

console = Console(stderr=True)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


async def until_ready(server: str) -> float:
    """Seconds until every service behind the gateway says that it serves. Raises NotHeld."""
    started = time.monotonic()
    seen = "nothing answers"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while time.monotonic() - started < READY_SECONDS:
            try:
                async with session.get(f"{server}/readyz") as response:
                    if response.status == 200:
                        return time.monotonic() - started
                    seen = await response.text()
            except (aiohttp.ClientError, TimeoutError) as error:
                seen = str(error)
            await asyncio.sleep(0.2)
    raise NotHeld(f"not ready after {READY_SECONDS:.0f} s: {seen}")


async def recovered(work: Callable[[str], Awaitable[str]], name: str) -> tuple[str, str]:
    """When the work was done, and what it gave; while it is refused as unavailable, it is tried again."""
    started = time.monotonic()
    attempt = 0
    while True:
        try:
            done = await work(f"{name}-{attempt}")
            return f"{time.monotonic() - started:.0f} s, {attempt or 'none'} refused", done
        except (ApiError, Unreachable, StreamCutShort) as error:
            late = time.monotonic() - started > RECOVERY_SECONDS
            if late or (isinstance(error, ApiError) and error.status != UNAVAILABLE):
                raise
        attempt += 1
        await asyncio.sleep(0.5)


async def play(engine: Engine, server: str, kill: Sequence[str]) -> bool:
    """The whole job, then each container killed; prints the table and gives whether everything held."""
    table = Table("", "done after the kill, tries", "short job", "data from before", expand=True)
    async with TikuClient(server) as client:
        report = await script.run(client, console, with_model=True)
        held = not report.failed
        job = Job(client)
        steps = f"{len(report.held)} steps of the demo held, {len(report.failed)} did not"
        table.add_row("first start", "", await job.play("first"), steps)
        for service in kill:
            container = await engine.container(service)
            await engine("kill", container)
            await engine("start", container)
            cells: list[str] = []
            try:
                cells.extend(await recovered(job.play, f"after-{service}"))
                cells.append(await job.look_back())
            except (NotHeld, ClientError) as error:
                held = False
                cells.append(f"{type(error).__name__}: {error}")
                console.print(await logs(engine, service), markup=False, highlight=False)
            table.add_row(f"{service} killed", *map(escape, cells))
            console.print(f"{service} killed: {', '.join(cells)}", markup=False, highlight=False)
    Console(width=140).print(table)
    return held


def stop_on_sigterm() -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def main(arguments: argparse.Namespace) -> int:
    """The exit code: 0 where everything held."""
    stop_on_sigterm()
    port = free_port()
    server = f"http://127.0.0.1:{port}"
    environment = {
        "TIKU_PORT": str(port),
        "TIKU_LLM_BASE_URL": "http://provider:9000/v1",
        "TIKU_LLM_MODEL": "scripted",
        "TIKU_LLM_API_KEY": "none",
    }
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    engine = await find_engine(PROJECT, environment, cache / "tiku" / "podman-compose")
    if not arguments.no_build:
        await build_images(engine)
    await engine.down()
    try:
        if not await bring_model(engine, MODEL):
            console.print(f"{MODEL} is not in this machine's cache: the stack pulls it")
        await engine.compose("up", "-d", "--no-build")
        console.print(f"ready after {await until_ready(server):.1f} s at {server}")
        return 0 if await play(engine, server, arguments.kill or CONTAINERS) else 1
    except (NotHeld, ClientError, CommandFailed) as error:
        console.print(f"[red]{type(error).__name__}:[/] ", end="")
        console.print(str(error), markup=False, highlight=False)
        for service in CONTAINERS:
            console.rule(service)
            console.print(await logs(engine, service), markup=False, highlight=False)
        return 1
    finally:
        if arguments.keep:
            console.print(f"left up at {server}, as the project {PROJECT}")
        else:
            await engine.down()


async def logs(engine: Engine, service: str) -> str:
    try:
        return await engine("logs", "--tail", "15", await engine.container(service))
    except CommandFailed as error:
        return str(error)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests/compose/run", description=__doc__)
    parser.add_argument("--no-build", action="store_true", help="use the images of the last run")
    parser.add_argument("--kill", nargs="+", choices=CONTAINERS, help="kill these only")
    parser.add_argument("--keep", action="store_true", help="leave the stack up")
    raise SystemExit(asyncio.run(main(parser.parse_args())))
