"""Stand-ins for what the exercises domain needs from outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.exercises.domain.analysis.extraction import extract
from services.exercises.domain.cloze.cloze import Cloze
from services.exercises.values.analysis import Extract
from services.exercises.values.chat import ChatEnd, ChatTask, TokenUsage
from services.exercises.values.question import Draft, Passage, QuestionKind
from services.kit.errors import FailedPrecondition
from services.language.normalization import normalize

_MATERIAL = {
    language: normalize((Path(__file__).parent / "material" / f"{language}.txt").read_text(encoding="utf-8"))
    for language in ("zh", "en")
}


def material(language: str) -> str:
    """Study material of two pages in `zh` or `en`, in normal form."""
    return _MATERIAL[language]


def no_model() -> FailedPrecondition:
    """What the llm service says when no provider is configured."""
    return FailedPrecondition("No chat provider is configured.", reason="NO_CHAT_PROVIDER")


Script = Callable[[ChatTask], str | Mapping[str, Any] | Exception]


class ScriptedModel:
    """A model that answers what a function of the task says, in pieces; an exception is raised."""

    def __init__(self, script: Script, *, piece: int = 7, pause: float = 0.0) -> None:
        self._script = script
        self._piece = piece
        self._pause = pause
        self.tasks: list[ChatTask] = []
        self.open = 0
        self.opened = asyncio.Event()
        self.most_open = 0
        self.stopped_early = 0

    @asynccontextmanager
    async def stream(self, task: ChatTask) -> AsyncIterator[AsyncIterator[str | ChatEnd]]:
        """See `ports.ChatModel`."""
        self.tasks.append(task)
        self.open += 1
        self.opened.set()
        self.most_open = max(self.most_open, self.open)
        finished = False

        async def pieces() -> AsyncGenerator[str | ChatEnd, None]:
            nonlocal finished
            answer = self._script(task)
            if isinstance(answer, Exception):
                raise answer
            text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
            for start in range(0, len(text), self._piece):
                await asyncio.sleep(self._pause)
                yield text[start : start + self._piece]
            finished = True
            yield ChatEnd("scripted-1", TokenUsage(100, 20))

        try:
            yield pieces()
        finally:
            self.open -= 1
            self.stopped_early += not finished


class LocalCloze:
    """`ports.ClozeMaker` and `ports.Extractor` in this process."""

    def __init__(self) -> None:
        self.calls = 0

    async def drafts(
        self, passages: Sequence[Passage], kinds: Mapping[QuestionKind, int], seed: int
    ) -> dict[QuestionKind, list[Draft]]:
        """See `ports.ClozeMaker`."""
        self.calls += 1
        return await asyncio.to_thread(lambda: Cloze(passages, seed).drafts(kinds))

    async def extract(self, passages: Sequence[Passage], count: int) -> Extract:
        """See `ports.Extractor`."""
        return await asyncio.to_thread(lambda: extract(passages, count))
