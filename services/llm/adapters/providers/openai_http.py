"""Chat over OpenAI's HTTP API with a client of our own, for the hot path (ADR 0015)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import msgspec

from services.kit import tracing
from services.llm.adapters.http import MAX_ERROR_BYTES
from services.llm.adapters.providers.answers import FailedAnswerError
from services.llm.adapters.providers.connections import Body, Connections, MalformedAnswerError
from services.llm.adapters.providers.openai_chat import PATH, OpenAiChat
from services.llm.domain import faults

_encode = msgspec.json.Encoder().encode


class OpenAiHttpProvider(OpenAiChat):
    """A ChatProvider for any server that speaks OpenAI's chat API."""

    def __init__(self, name: str, connections: Connections) -> None:
        super().__init__(name)
        self._connections = connections

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str, base_url: str, api_key: str, connect_timeout: float = 5.0) -> AsyncIterator[Self]:
        """Open a provider at an address such as `https://api.openai.com/v1`; its connections close with the block.

        Reaching the provider takes at most `connect_timeout` seconds, however much time a request has.
        """
        async with Connections.open(base_url, api_key, connect_timeout) as connections:
            yield cls(name, connections)

    @asynccontextmanager
    async def _post(self, body: dict[str, Any], timeout: float) -> AsyncIterator[AsyncIterator[bytes]]:
        trace = tracing.traceparent() if tracing.on() else ""
        try:
            async with self._connections.post(PATH, _encode(body), timeout, trace) as answer:
                if not 200 <= answer.status < 300:
                    raise FailedAnswerError(answer.status, await answer.read_told(MAX_ERROR_BYTES), answer.headers)
                yield Body(answer, is_stream=bool(body.get("stream")))
        except TimeoutError as error:
            raise faults.timed_out(self._name) from error
        except MalformedAnswerError as error:
            raise faults.bad_response(self._name, error) from error
        except OSError as error:
            raise faults.unavailable(self._name, error) from error
