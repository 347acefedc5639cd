"""A provider that is found at another address than before."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from aiohttp import abc, web

from services.kit.errors import Unavailable
from services.llm.adapters.http import ProviderClient


class _Names(abc.AbstractResolver):
    """Gives every name the port that it is told to; counts how often it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[Any]:
        self.asked += 1
        found = {"hostname": host, "host": "127.0.0.1", "port": self.port, "family": socket.AF_INET}
        return [found | {"proto": 0, "flags": 0}]

    async def close(self) -> None:
        """Holds nothing."""


async def test_a_provider_that_moved_is_found_by_the_attempt_after_the_failed_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def started(name: str) -> tuple[web.AppRunner, int]:
        async def answer(_: web.Request) -> web.Response:
            return web.json_response({"name": name})

        app = web.Application()
        app.router.add_post("/v1/x", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, runner.addresses[0][1]

    names = _Names()
    monkeypatch.setattr("aiohttp.connector.DefaultResolver", lambda **_: names)
    async with ProviderClient.open("provider", "http://provider.example:80/v1", "") as client:
        first, names.port = await started("first")
        assert await client.post_for("/x", {"model": "m"}, 5, bytes, 1000) == b'{"name": "first"}'
        await first.cleanup()
        second, names.port = await started("second")
        with pytest.raises(Unavailable):
            await client.post_for("/x", {"model": "m"}, 5, bytes, 1000)
        assert names.asked == 1
        assert await client.post_for("/x", {"model": "m"}, 5, bytes, 1000) == b'{"name": "second"}'
        await second.cleanup()
