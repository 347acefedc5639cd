"""Ports and probes."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from services.embedded.network import free_port, free_ports, grpc_probe, http_probe


def test_free_ports_differ_from_one_another() -> None:
    assert len(set(free_ports(50))) == 50


@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False), (404, False)])
async def test_an_http_probe_wants_200(status: int, well: bool) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/health", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    probe = http_probe("127.0.0.1", port, "/health")
    try:
        if well:
            await probe()
        else:
            with pytest.raises(RuntimeError, match=str(status)):
                await probe()
    finally:
        await runner.cleanup()


async def test_probes_of_a_port_nobody_listens_on_fail_soon() -> None:
    port = free_port()
    async with asyncio.timeout(5):
        with pytest.raises(OSError, match=r"refused|failed"):
            await http_probe("127.0.0.1", port, "/health")()
        with pytest.raises(Exception, match=r"UNAVAILABLE|DEADLINE"):
            await grpc_probe(f"127.0.0.1:{port}", "/grpc.health.v1.Health/Check", accept=bool)()
