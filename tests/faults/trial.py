"""Stacks to break: each with its failpoints, its links and a scripted model."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from services import models
from tests.contract.docs_object_store.test_object_store import s3_server
from tests.e2e.stack import EMBEDDING_MODEL, running
from tests.fakes.tutor import Tutor
from tests.faults.cases import StackKind
from tests.faults.checks import Facts
from tests.faults.harness import Trial
from tests.faults.links import LINKS_VARIABLE, OBJECTS_LINK, PROVIDER_LINK, Link, open_links, to_address, variable_of
from tests.faults.volume import small_volume
from tests.integration.upkeep import house
from tests.shared import VERSITYGW

_EMBEDDER_VARIABLES = ("TIKU_EMBED_BASE_URL", "TIKU_EMBED_MODEL")
_LEASE_SECONDS = 5
_START_SECONDS = 12.0
"""How long the start of a stack takes at most on a quiet machine of two cores; where it takes longer, all else does."""


async def missing(kind: StackKind) -> str:
    """Return what a kind of stack needs and this machine lacks; empty for nothing."""
    if kind == "objects" and not await asyncio.to_thread(os.access, VERSITYGW, os.X_OK):
        return "an S3 server: name the program versitygw in VERSITYGW"
    if kind == "embedder" and await models.path(EMBEDDING_MODEL) is None:
        return f"an embedding model: tiku models pull {EMBEDDING_MODEL}"
    if kind == "disk" and os.geteuid() != 0:
        return "the right to mount a small volume: root in a container with CAP_SYS_ADMIN has it"
    return ""


@asynccontextmanager
async def trial(kind: StackKind = "plain") -> AsyncIterator[Trial]:
    """Bring a fresh stack up for the block; its folder is removed afterwards."""
    home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tiku-faults-"))
    points, led = home / "points", home / "links"
    for folder in (points, led):
        await asyncio.to_thread(folder.mkdir)
    try:
        async with AsyncExitStack() as stack:
            tutor = await stack.enter_async_context(Tutor())
            links = await stack.enter_async_context(open_links(led))
            provider = await stack.enter_async_context(Link.open(to_address(tutor.base_url)))
            variables = {
                name: value.replace(tutor.base_url, f"http://127.0.0.1:{provider.port}/v1")
                for name, value in house.environment(tutor).items()
            }
            if kind == "embedder":
                variables = {name: value for name, value in variables.items() if name not in _EMBEDDER_VARIABLES}
            elif kind == "objects":
                links[OBJECTS_LINK], more = await _objects(home / "s3", stack)
                variables |= more
            elif kind == "disk":
                await stack.enter_async_context(small_volume(home / "data"))
            variables |= {
                "TIKU_FAILPOINTS": str(points),
                "TIKU_EXERCISES_LEASE_SECONDS": str(_LEASE_SECONDS),
                LINKS_VARIABLE: variable_of(links, led),
            }
            clock = asyncio.get_running_loop().time
            began = clock()
            up = await stack.enter_async_context(running(home / "data", module="tests.faults.linked_up", **variables))
            slowness = max(1.0, (clock() - began) / _START_SECONDS)
            made = Trial(up, points, {**links, PROVIDER_LINK: provider}, variables, Facts(slowness=slowness))
            await made.load.prepare()
            yield made
    finally:
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)


async def _objects(folder: Path, stack: AsyncExitStack) -> tuple[Link, dict[str, str]]:
    """Start an S3 server behind a link; return the link, and what tells docs of it."""
    endpoint = await stack.enter_async_context(s3_server(folder))
    link = await stack.enter_async_context(Link.open(to_address(endpoint)))
    return link, {
        "TIKU_S3_BUCKET": "tiku",
        "TIKU_S3_ENDPOINT": f"http://127.0.0.1:{link.port}",
        "TIKU_S3_ACCESS_KEY_ID": "test",
        "TIKU_S3_SECRET_ACCESS_KEY": "test-secret",
    }
