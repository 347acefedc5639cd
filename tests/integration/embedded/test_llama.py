"""llama.cpp as an embedded engine, with the small model where its weights are on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from services import models
from services.embedded.llama import SLOT_CONTEXT_TOKENS, SLOTS, llama
from services.embedded.network import free_port
from services.embedded.process import ProcessFailedError, SupervisedProcess
from tests.engines import engine

_MODEL = "smollm2-135m-instruct-q4_1"


@pytest.fixture
async def weights() -> Path:
    """The small model's file."""
    found = await models.path(_MODEL)
    if found is None:
        pytest.skip(
            f"SKIPPED LOUDLY: the model {_MODEL} is not on this machine; `tiku models pull {_MODEL}` enables this"
        )
    return found


@pytest.mark.model
async def test_it_answers_under_its_name_with_a_context_for_every_slot(folder: Path, weights: Path) -> None:
    server = await asyncio.to_thread(llama, weights, "small", free_port(), folder / "llama.log")
    async with engine(server.spec), aiohttp.ClientSession() as session:
        async with session.get(f"{server.base_url}/models") as answer:
            assert [item["id"] for item in (await answer.json())["data"]] == ["small"]
        async with session.get(f"{server.base_url.removesuffix('/v1')}/slots") as answer:
            assert [slot["n_ctx"] for slot in await answer.json()] == [SLOT_CONTEXT_TOKENS] * SLOTS
        request = {"model": "small", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 5}
        async with session.post(f"{server.base_url}/chat/completions", json=request) as answer:
            body = await answer.json()
        assert body["usage"]["completion_tokens"] <= 5
        assert body["choices"][0]["message"]["content"]


async def test_weights_that_are_none_are_refused_in_words(folder: Path) -> None:
    server = await asyncio.to_thread(llama, folder / "none.gguf", "none", free_port(), folder / "llama.log")
    with pytest.raises(ProcessFailedError, match=r"none\.gguf is no file"):
        await SupervisedProcess(server.spec).start()
