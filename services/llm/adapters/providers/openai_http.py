"""Chat over OpenAI's HTTP API with a client of our own, for the hot path (ADR 0015)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Self

import msgspec

from services.kit import tracing
from services.kit.brackets import Bracket
from services.llm.adapters.http import MAX_ERROR_BYTES
from services.llm.adapters.providers.answers import FailedAnswerError
from services.llm.adapters.providers.connections import Body, Connections, Exchange, MalformedAnswerError
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

    def _post(self, body: dict[str, Any], timeout: float) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        trace = tracing.traceparent() if tracing.on() else ""
        posting = self._connections.post(PATH, _encode(body), timeout, trace)
        return _Asking(self._name, posting, is_stream=bool(body.get("stream")))


class _Asking(AbstractAsyncContextManager[AsyncIterator[bytes]]):
    """A chat, for the block that reads its answer; what goes wrong is told as a fault of the provider.

    A generator would cost more (`services.kit.brackets`).
    """

    def __init__(self, name: str, posting: Bracket[Exchange], *, is_stream: bool) -> None:
        self._name = name
        self._posting = posting
        self._is_stream = is_stream

    async def __aenter__(self) -> AsyncIterator[bytes]:
        try:
            answer = await self._posting.__aenter__()
        except Exception as error:
            self._blame(error)
            raise
        try:
            if not 200 <= answer.status < 300:
                raise FailedAnswerError(answer.status, await answer.read_told(MAX_ERROR_BYTES), answer.headers)
        except BaseException as error:
            # Nobody leaves a block that was not entered, not even who is canceled here.
            await self.__aexit__(type(error), error, error.__traceback__)
            raise
        return Body(answer, is_stream=self._is_stream)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._posting.__aexit__(kind, error, traceback)
        self._blame(error)

    def _blame(self, error: BaseException | None) -> None:
        """Raise the fault of the provider that an error tells of, if it does."""
        if isinstance(error, TimeoutError):
            raise faults.timed_out(self._name) from error
        if isinstance(error, MalformedAnswerError):
            raise faults.bad_response(self._name, error) from error
        if isinstance(error, OSError):
            raise faults.unavailable(self._name, error) from error
