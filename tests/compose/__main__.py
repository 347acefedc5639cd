"""`python -m tests.compose`, which tests/compose/run starts: the composed stack, used, and again after each kill."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.client.errors import ApiError, ClientError, StreamCutShortError, UnreachableError
from services.client.rest import TikuClient
from services.demo import script
from tests.compose import local_model
from tests.compose.confinement import baked_in, is_healthy, look
from tests.compose.engine import PROFILES, CommandFailedError, Engine, bring_model, build_images, find_engine
from tests.compose.job import Job, NotHeldError

PROJECT = "tiku-test"
MODEL = "multilingual-e5-small"
OURS = ("gateway", "llm", "retrieval", "docs", "exercises")
CONTAINERS = (*OURS, "postgres", "qdrant", "s3", "provider")
CHECKED = ("postgres", "qdrant")
SCRIPTED = {
    "TIKU_LLM_BASE_URL": "http://provider:9000/v1",
    "TIKU_LLM_MODEL": "scripted",
    "TIKU_LLM_API_KEY": "none",
}
AWAY = ("llm", "retrieval")
"""Called by other services, and not only by the gateway, which asks for their health."""
AWAY_SECONDS = 20.0
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
    """Seconds until every service behind the gateway says that it serves. Raises NotHeldError."""
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
    raise NotHeldError(f"not ready after {READY_SECONDS:.0f} s: {seen}")


async def recovered(work: Callable[[str], Awaitable[str]], name: str) -> tuple[str, str]:
    """When the work was done, and what it gave; while it is refused as unavailable, it is tried again."""
    started = time.monotonic()
    attempt = 0
    while True:
        try:
            done = await work(f"{name}-{attempt}")
            return f"{time.monotonic() - started:.0f} s, {attempt or 'none'} refused", done
        except (ApiError, UnreachableError, StreamCutShortError) as error:
            late = time.monotonic() - started > RECOVERY_SECONDS
            if late or (isinstance(error, ApiError) and error.status != UNAVAILABLE):
                raise
        attempt += 1
        await asyncio.sleep(0.5)


async def play(engine: Engine, server: str, kill: Sequence[str]) -> bool:
    """The whole job, then each container killed; prints the table and gives whether everything held."""
    table = Table("", "done after the kill, tries", "short job", "data from before", expand=True)
    async with TikuClient.open(server) as client:
        report = await script.run(client, console, with_model=True)
        held = not report.failed
        job = Job(client)
        steps = f"{len(report.passed)} steps of the demo passed, {len(report.failed)} did not"
        table.add_row("first start", "", await job.play("first"), steps)
        for service in kill:
            container = await engine.container(service)
            await engine("kill", container)
            await engine("start", container)
            cells: list[str] = []
            try:
                cells.extend(await recovered(job.play, f"after-{service}"))
                cells.append(await job.look_back())
            except (NotHeldError, ClientError) as error:
                held = False
                cells.append(f"{type(error).__name__}: {error}")
                tell(await logs(engine, service))
            table.add_row(f"{service} killed", *map(escape, cells))
            tell(f"{service} killed: {', '.join(cells)}")
        for service in [service for service in AWAY if service in kill]:
            try:
                seen = await away(engine, server, service, job)
            except (NotHeldError, ClientError) as error:
                held = False
                seen = f"{type(error).__name__}: {error}"
            tell(f"{service} away for {AWAY_SECONDS:.0f} s: {seen}")
            table.add_row(f"{service} away", "", escape(seen), "")
    Console(width=140).print(table)
    return held


async def away(engine: Engine, server: str, service: str, job: Job) -> str:
    """A service is stopped for a while, in which its callers ask for it; what is said once it is ready is served.

    Raises:
        NotHeldError or ClientError: something was refused after the gateway called the service ready.
    """
    container = await engine.container(service)
    await engine("stop", container)
    stopped = time.monotonic()
    while time.monotonic() - stopped < AWAY_SECONDS:
        try:
            await job.play(f"without-{service}", at_most=1.0)
        except (NotHeldError, ClientError, TimeoutError):
            await asyncio.sleep(0.5)
    await engine("start", container)
    ready = await until_ready(server)
    began = time.monotonic()
    done = await job.play(f"after-{service}-away")
    return f"ready {ready:.1f} s after its start, then at once, in {time.monotonic() - began:.1f} s: {done}"


async def confined(engine: Engine, services: Sequence[str]) -> None:
    """Says what each container is allowed and holds. Raises NotHeldError where one is allowed too much."""
    faults = [*await baked_in(engine, "tiku:latest")]
    for service in services:
        seen = await look(engine, service)
        tell(seen.line)
        faults.extend(seen.faults)
    for service in CHECKED:
        if not await is_healthy(engine, service):
            faults.append(f"{service} fails its health check")
    if faults:
        raise NotHeldError("; ".join(faults))


async def play_local_model(engine: Engine, server: str) -> bool:
    """A chat and a cited answer by the model of the profile."""
    await confined(engine, [*OURS, local_model.CONTAINER])
    for line in await local_model.play(server):
        tell(line)
    return True


def tell(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


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
        "TIKU_POSTGRES_PASSWORD": secrets.token_hex(16),
        "TIKU_NEO4J_PASSWORD": secrets.token_hex(16),
        "TIKU_S3_SECRET_ACCESS_KEY": secrets.token_hex(16),
        **(local_model.ENVIRONMENT if arguments.local_model else SCRIPTED),
    }
    profiles = PROFILES if arguments.local_model else ()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    engine = await find_engine(PROJECT, environment, profiles, cache / "tiku" / "podman-compose")
    if not arguments.no_build:
        await build_images(engine, tell)
    await engine.down()
    try:
        for model in (MODEL, *([local_model.WEIGHTS] if arguments.local_model else [])):
            if not await bring_model(engine, model):
                tell(f"{model} is not in this machine's cache: the stack pulls it")
        began = time.monotonic()
        await engine.compose("up", "-d", "--no-build")
        tell(f"containers started in {time.monotonic() - began:.1f} s")
        tell(f"ready after {await until_ready(server):.1f} s at {server}")
        if arguments.local_model:
            return 0 if await play_local_model(engine, server) else 1
        await confined(engine, OURS)
        return 0 if await play(engine, server, arguments.kill or CONTAINERS) else 1
    except (NotHeldError, ClientError, CommandFailedError) as error:
        console.print(f"[red]{type(error).__name__}:[/] ", end="")
        tell(str(error))
        for service in (*CONTAINERS, *([local_model.CONTAINER] if arguments.local_model else [])):
            console.rule(service)
            tell(await logs(engine, service))
        return 1
    finally:
        if arguments.keep:
            tell(f"left up at {server}, as the project {PROJECT}")
        else:
            await engine.down()


async def logs(engine: Engine, service: str) -> str:
    try:
        return await engine("logs", "--tail", "15", await engine.container(service))
    except CommandFailedError as error:
        return str(error)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests/compose/run", description=__doc__)
    parser.add_argument("--no-build", action="store_true", help="use the images of the last run")
    parser.add_argument("--local-model", action="store_true", help="the profile of that name, and no kills")
    parser.add_argument("--kill", nargs="+", choices=CONTAINERS, help="kill these only")
    parser.add_argument("--keep", action="store_true", help="leave the stack up")
    raise SystemExit(asyncio.run(main(parser.parse_args())))
