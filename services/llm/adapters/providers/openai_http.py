"""Chat over OpenAI's HTTP API with aiohttp, for the hot path (ADR 0015)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.llm.adapters.http import MAX_ERROR_BYTES, ProviderClient
from services.llm.adapters.providers.answers import FailedAnswerError
from services.llm.adapters.providers.openai_chat import PATH, OpenAiChat


class OpenAiHttpProvider(OpenAiChat):
    """A ChatProvider for any server that speaks OpenAI's chat API."""

    def __init__(self, client: ProviderClient) -> None:
        super().__init__(client.name)
        self._client = client

    @asynccontextmanager
    async def _post(self, body: dict[str, Any], timeout: float) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._client.exchange(PATH, body, timeout) as response:
            if response.status not in (200, 201):
                told = await response.content.read(MAX_ERROR_BYTES)
                raise FailedAnswerError(response.status, told, response.headers)
            yield response.content.iter_any()
