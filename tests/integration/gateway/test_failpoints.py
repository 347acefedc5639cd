"""The gateway's failpoints lie around what a handler does to its exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gateway.app import running
from tests.fakes.grpc_services import fake_services
from tests.faults.arming import arm
from tests.integration.gateway.conftest import settings_for

_UPLOAD = {"params": {"name": "a.txt"}, "data": b"text", "headers": {"Content-Type": "application/octet-stream"}}
_TEXT = {"text": "Plants make sugar from light. Roots take up water.", "count": 1}


@asynccontextmanager
async def _pointed(folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a gateway whose points are armed in a folder."""
    async with fake_services() as services:
        # The setting looks whether the folder is there.
        settings = await asyncio.to_thread(settings_for, services, failpoints=folder)
        async with running(settings) as gateway, aiohttp.ClientSession(gateway.url) as http:
            yield http


@pytest.mark.parametrize("point", ["gateway.upload.body_received", "gateway.upload.answered"])
async def test_an_upload_fails_at_its_points(tmp_path: Path, point: str) -> None:
    async with _pointed(tmp_path) as http:
        await arm(tmp_path, point, "error(Unavailable)")
        statuses = [(await http.post("/api/v1/documents", **_UPLOAD)).status for _ in range(2)]  # type: ignore[arg-type]
    assert statuses == [503, 200]


@pytest.mark.parametrize("point", ["gateway.generate.begun", "gateway.generate.event_sent"])
async def test_a_stream_breaks_off_at_its_points(tmp_path: Path, point: str) -> None:
    async with _pointed(tmp_path) as http:
        await arm(tmp_path, point, "error(Unavailable)")
        broken = await http.post("/api/v1/exercises:generate", json=_TEXT)
        with pytest.raises(aiohttp.ClientPayloadError):
            await broken.text()
        whole = await http.post("/api/v1/exercises:generate", json=_TEXT)
        assert (broken.status, whole.status) == (200, 200)
        assert "event: done" in await whole.text()
