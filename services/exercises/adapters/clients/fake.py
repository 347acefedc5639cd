"""A scripted model and documents in memory: for tests, and for trying the service alone."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from services.common.values import TokenUsage
from services.exercises.values.chat import ChatFinish, ChatRequest
from services.exercises.values.question import Passage
from services.kit.errors import DeadlineExceeded

Script = Callable[[ChatRequest], str | Mapping[str, Any] | Exception]


class FakeChatModel:
    """Answers what a function of the task says, in pieces of `piece` characters, each after `pause` seconds."""

    def __init__(
        self,
        script: Script,
        *,
        piece: int = 7,
        pause: float = 0.0,
        timeout: float = 60.0,
        truncated: bool = False,
        refused: bool = False,
        thought: bool = False,
    ) -> None:
        self._script = script
        self._piece = piece
        self._pause = pause
        self._timeout = timeout
        self._truncated = truncated
        self._refused = refused
        self._thought = thought
        self.tasks: list[ChatRequest] = []
        self.open = 0
        self.opened = asyncio.Event()
        self.most_open = 0
        self.stopped_early = 0

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[str | ChatFinish]]:
        """Open the scripted answer."""
        self.tasks.append(request)
        self.open += 1
        self.opened.set()
        self.most_open = max(self.most_open, self.open)
        finished = False
        deadline = asyncio.get_running_loop().time() + self._timeout

        async def pieces() -> AsyncGenerator[str | ChatFinish, None]:
            nonlocal finished
            answer = self._script(request)
            if isinstance(answer, Exception):
                raise answer
            text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
            for start in range(0, len(text), self._piece):
                await _sleep(self._pause, deadline)
                yield text[start : start + self._piece]
            finished = True
            yield ChatFinish("scripted-1", TokenUsage(100, 20), self._truncated, self._refused, self._thought)

        try:
            yield pieces()
        finally:
            self.open -= 1
            self.stopped_early += not finished


class FakePassageSource:
    """Documents in memory, each a row of passages in reading order; an answer comes after `pause` seconds."""

    def __init__(
        self, documents: Mapping[str, Sequence[Passage]], *, pause: float = 0.0, timeout: float = 60.0
    ) -> None:
        self._documents = documents
        self._pause = pause
        self._timeout = timeout

    async def passages(self, document_ids: Sequence[str], topic: str, limit: int) -> list[Passage]:
        """Rank passages by how often they hold the topic; without one take every n-th."""
        await _sleep(self._pause, asyncio.get_running_loop().time() + self._timeout)
        found = [passage for document_id in document_ids for passage in self._documents.get(document_id, ())]
        if topic:
            return sorted(found, key=lambda passage: -passage.text.count(topic))[:limit]
        return found[:: max(1, math.ceil(len(found) / limit))]


async def _sleep(seconds: float, deadline: float) -> None:
    try:
        async with asyncio.timeout_at(deadline):
            await asyncio.sleep(seconds)
    except TimeoutError as error:
        raise DeadlineExceeded("The time allowed for this request is spent.") from error


class FakeFileReadingModel:
    """Reads every file where it has an answer, which may be an error; the default one reads none."""

    def __init__(self, answer: str | Mapping[str, Any] | Exception | None = None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, ChatRequest]] = []

    async def reads_files(self, model: str) -> bool:
        """Return whether there is an answer."""
        return self.answer is not None

    async def ask(self, document_id: str, request: ChatRequest, timeout: float) -> str:
        """Return the answer."""
        self.asked.append((document_id, request))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer if isinstance(self.answer, str) else json.dumps(self.answer, ensure_ascii=False)
