"""Both adapters, on one server that says what a case scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from services.llm.adapters.providers.openai_chat import OpenAiChat
from services.llm.adapters.providers.openai_http import OpenAiHttpProvider
from tests.fakes.raw_provider import RawProvider
from tests.late import imported


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def raw() -> AsyncIterator[RawProvider]:
    """One server for all cases of a module."""
    async with RawProvider() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["http", "sdk"])
async def adapter(request: pytest.FixtureRequest, raw: RawProvider) -> AsyncIterator[OpenAiChat]:
    """One adapter for all cases of a module: what a case's model is found to refuse, no other case must see."""
    async with AsyncExitStack() as stack:
        if request.param == "http":
            yield await stack.enter_async_context(OpenAiHttpProvider.open("scripted", raw.base_url, "sk-test"))
        else:
            sdk = await imported("services.llm.adapters.providers.openai_sdk")
            yield await stack.enter_async_context(sdk.OpenAiSdkProvider.open("scripted", raw.base_url, "sk-test"))
