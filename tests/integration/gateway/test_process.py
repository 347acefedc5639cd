"""`python -m gateway` as its supervisor sees it: memory, drain, exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import orjson

from tests.fakes.grpc_services import FakeServices, fake_services

CHAT = {"messages": [{"role": "ROLE_USER", "content": "hi"}]}


async def start(listen: str, targets: dict[str, str], **more: str) -> asyncio.subprocess.Process:
    """A gateway process; its logs come on its standard error."""
    variables = {f"TIKU_{domain.upper()}_TARGET": target for domain, target in targets.items()}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        env={**os.environ, **variables, "TIKU_GATEWAY_LISTEN": listen, "TIKU_GATEWAY_DRAIN_SECONDS": "3", **more},
        stderr=asyncio.subprocess.PIPE,
    )


@contextlib.asynccontextmanager
async def gateway(services: FakeServices) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A running gateway process and its address."""
    process = await start("127.0.0.1:0", services.targets)
    assert process.stderr is not None
    try:
        while (line := await process.stderr.readline()) and b'"url"' not in line:
            pass
        yield process, orjson.loads(line)["url"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def resident_mib(process: asyncio.subprocess.Process, field: str = "VmRSS") -> float:
    """A process's memory as the kernel counts it."""
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


async def test_a_large_upload_leaves_memory_alone() -> None:
    async with fake_services() as services, gateway(services) as (process, url):
        services.script.largest_upload = 10**9
        services.script.keep_uploads = False
        async with aiohttp.ClientSession(url) as http:
            await http.post("/api/v1/documents?name=a", data=b"x" * 1_000_000, headers=OCTETS)
            before = await asyncio.to_thread(resident_mib, process)
            size = 200 * 1024 * 1024
            response = await http.post(
                "/api/v1/documents?name=a", data=_pieces(size), headers={**OCTETS, "Content-Length": str(size)}
            )
            assert response.status == 200, await response.text()
            most = await asyncio.to_thread(resident_mib, process, "VmHWM")
        assert sum(services.script.chunk_sizes) == size + 1_000_000
        assert most - before < 16
        assert most < 150


OCTETS = {"Content-Type": "application/octet-stream"}


async def _pieces(size: int) -> AsyncIterator[bytes]:
    piece = bytes(1024 * 1024)
    for _ in range(size // len(piece)):
        yield piece


async def test_a_stop_lets_what_runs_end() -> None:
    async with fake_services() as services, gateway(services) as (process, url):
        services.script.pause = 0.2
        async with aiohttp.ClientSession(url) as http:
            response = await http.post("/api/v1/chat:stream", json=CHAT)
            process.send_signal(signal.SIGTERM)
            text = await response.text()
            assert "event: finish" in text
        assert await process.wait() == 0


async def test_a_stop_does_not_wait_for_ever() -> None:
    async with fake_services() as services, gateway(services) as (process, url):
        services.script.pause = 60
        async with aiohttp.ClientSession(url) as http:
            await http.post("/api/v1/chat:stream", json=CHAT)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 50) == 0
        await services.script.was_cancelled.wait()


async def test_an_address_in_use_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await start(f"127.0.0.1:{port}", {})
        _, said = await process.communicate()
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in said.decode()


async def test_a_bad_setting_is_said() -> None:
    process = await start("127.0.0.1:0", {}, TIKU_GATEWAY_MAX_IN_FLIGHT="none")
    _, said = await process.communicate()
    assert process.returncode == 2
    assert "MAX_IN_FLIGHT" in said.decode()
    assert "Traceback" not in said.decode()
