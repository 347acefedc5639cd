"""Routing: from a model's name to a provider that serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from services.common.values import TokenUsage
from services.kit.errors import FailedPrecondition, TikuError
from services.llm.domain import faults
from services.llm.domain.bulkhead import Bulkhead
from services.llm.domain.calls import Calls, time_left
from services.llm.ports import ChatProvider
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, TextDelta


@dataclass(frozen=True, slots=True)
class Backend:
    """One configured provider: who it is, what it serves, and its gate."""

    name: str
    models: Sequence[str]
    provider: ChatProvider
    bulkhead: Bulkhead


@dataclass(frozen=True, slots=True)
class Served:
    """A model's name as requests use it, and a provider that serves it."""

    model: str
    provider: str


class Router:
    """Answers prompts from the backends that serve their model.

    A fault that may pass (`faults.RETRYABLE`) before the first token is tried again within the deadline, on the next
    backend that serves the same model where there is one. After the first token it is the caller's: text that was
    read cannot be taken back.

    The first model of the first backend answers prompts that name none.
    """

    def __init__(self, backends: Sequence[Backend], calls: Calls) -> None:
        self._calls = calls
        self.served = [Served(model, backend.name) for backend in backends for model in backend.models]
        """Every model with each provider that serves it, the default first."""
        self._by_model: dict[str, list[Backend]] = {}
        for backend in backends:
            for model in backend.models:
                self._by_model.setdefault(model, []).append(backend)

    async def complete(self, prompt: ChatRequest, timeout: float) -> tuple[Completion, Served]:
        """Return one whole answer within `timeout` seconds, and which provider gave it."""
        deadline = asyncio.get_running_loop().time() + timeout
        prompt, backends = self._route(prompt)

        async def call(backend: Backend, left: float) -> tuple[Completion, TokenUsage | None]:
            completion = await backend.provider.complete(prompt, left)
            return completion, completion.usage

        completion, backend = await self._calls.run(backends, prompt.model, deadline, call)
        return completion, Served(prompt.model, backend.name)

    async def stream(
        self, prompt: ChatRequest, timeout: float
    ) -> AsyncGenerator[TextDelta | tuple[ChatFinish, Served], None]:
        """Yield deltas, then one `ChatFinish` with who answered, within `timeout` seconds.

        A finish without the provider's own usage carries what was counted here.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        prompt, backends = self._route(prompt)
        attempt = 0
        while True:
            backend = backends[attempt % len(backends)]
            began = False
            try:
                async with (
                    backend.bulkhead.slot(time_left(deadline)),
                    aclosing(backend.provider.stream(prompt, time_left(deadline))) as events,
                ):
                    with self._calls.recorded(backend, prompt.model) as spent:
                        async for event in events:
                            began = True
                            if isinstance(event, TextDelta):
                                spent.deltas += 1
                                yield event
                            else:
                                spent.tokens = event.usage
                                finish = ChatFinish(event.reason, spent.total())
                yield finish, Served(prompt.model, backend.name)
                return
            except TikuError as error:
                if began:
                    raise
                await self._calls.retry.pause(attempt, error, deadline)
            attempt += 1

    def _route(self, prompt: ChatRequest) -> tuple[ChatRequest, list[Backend]]:
        """Return the request with its model named, and the backends that serve it."""
        if not self.served:
            raise FailedPrecondition(
                "No chat model is configured: set TIKU_LLM_BASE_URL and TIKU_LLM_MODEL.", reason="NO_CHAT_PROVIDER"
            )
        model = prompt.model or self.served[0].model
        if model not in self._by_model:
            raise faults.model_not_found(model)
        return replace(prompt, model=model), self._by_model[model]
