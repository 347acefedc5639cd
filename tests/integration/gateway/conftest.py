"""A gateway over the fake services, on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from gateway.app import running
from gateway.settings import GatewaySettings
from tests.fakes.grpc_services import FakeServices, Script, fake_services


@dataclass
class Stack:
    """Everything that runs in a test."""

    url: str
    http: aiohttp.ClientSession
    services: FakeServices

    @property
    def script(self) -> Script:
        """What the services are told and saw."""
        return self.services.script


def settings_for(services: FakeServices, **changes: object) -> GatewaySettings:
    """Settings of a gateway on a free port over `services`."""
    targets = {f"{domain}_target": target for domain, target in services.targets.items()}
    return GatewaySettings(**{"listen": "127.0.0.1:0", "drain_seconds": 1, **targets, **changes})  # type: ignore[arg-type]


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    """A gateway with default settings."""
    async with (
        fake_services() as services,
        running(settings_for(services)) as gateway,
        aiohttp.ClientSession(gateway.url) as http,
    ):
        yield Stack(gateway.url, http, services)
