"""What the llm service's own process carries, started as it is in production."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from tests.fakes.openai_server import ScriptedProvider

_PROGRAM = """
import asyncio, json, sys
from contextlib import AsyncExitStack
from pathlib import Path
import uvloop
from services.kit.channels import open_channel
from services.kit.server import running
from services.llm.app import build
from services.llm.settings import LlmSettings
from tiku.llm.v1 import llm_pb2, llm_pb2_grpc

async def main():
    settings = LlmSettings()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(await build(settings, stack), "127.0.0.1:0", settings))
        stub = llm_pb2_grpc.LlmServiceStub(await stack.enter_async_context(open_channel(server.address)))
        messages = [llm_pb2.ChatMessage(role=llm_pb2.ROLE_USER, content="Why?")]
        await asyncio.gather(*(stub.Chat(llm_pb2.ChatRequest(messages=messages)) for _ in range(100)))
        status = Path("/proc/self/status").read_text()
        print(json.dumps({
            "rss_mb": int(status.split("VmRSS:")[1].split()[0]) / 1024,
            "modules": [name for name in ("torch", "openai", "numpy", "transformers", "pandas") if name in sys.modules],
        }))

uvloop.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_service_is_light_and_imports_only_what_it_uses() -> None:
    async with ScriptedProvider() as provider:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _PROGRAM,
            stdout=asyncio.subprocess.PIPE,
            env={"TIKU_LLM_BASE_URL": provider.base_url, "TIKU_LLM_MODEL": "scripted"},
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    seen: dict[str, Any] = json.loads(output)
    assert seen["modules"] == []
    assert seen["rss_mb"] < 150
