"""A ChatProvider without a network, for tests: it plays scripted turns and keeps the requests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from services.common.values import TokenUsage
from services.kit.errors import TikuError
from services.llm.domain import faults
from services.llm.values.chat import ChatFinish, ChatRequest, Completion, FinishReason, Reading, TextDelta


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeTurn:
    """How one call goes; positions count tokens."""

    tokens: Sequence[str] = ("Hello", ",", " world", "!")
    pace: float = 0.0
    """Seconds before each token."""
    reason: FinishReason = FinishReason.STOP
    usage: TokenUsage | None = None
    reading: Reading | None = None
    error: TikuError | None = None
    error_at: int = 0
    hang_at: int | None = None
    """Silence after so many tokens."""


class FakeChatProvider:
    """Plays its turns in order, then the default turn for ever."""

    def __init__(self, *turns: FakeTurn, name: str = "fake") -> None:
        self.name = name
        self.turns = deque(turns)
        self.prompts: list[ChatRequest] = []
        self.cancelled_at: list[int] = []
        """Tokens that were sent when a caller left, one entry for each that did."""
        self.active = 0

    async def complete(self, prompt: ChatRequest, timeout: float) -> Completion:
        """Return the next turn as a whole."""
        text = ""
        async for event in self.stream(prompt, timeout):
            if isinstance(event, ChatFinish):
                return Completion(text, event.reason, event.usage, reading=event.reading)
            text += event.text
        raise AssertionError("a stream ends with Finish")

    async def stream(self, prompt: ChatRequest, timeout: float) -> AsyncGenerator[TextDelta | ChatFinish, None]:
        """Yield the next turn token by token."""
        self.prompts.append(prompt)
        turn = self.turns.popleft() if self.turns else FakeTurn()
        deadline = asyncio.get_running_loop().time() + timeout
        sent = 0
        self.active += 1
        try:
            for position in range(len(turn.tokens) + 1):
                if turn.error is not None and position == turn.error_at:
                    raise turn.error
                async with asyncio.timeout_at(deadline):
                    if position == turn.hang_at:
                        await asyncio.Event().wait()
                    await asyncio.sleep(turn.pace)
                if position < len(turn.tokens):
                    sent += 1
                    yield TextDelta(turn.tokens[position])
            yield ChatFinish(turn.reason, turn.usage, reading=turn.reading)
        except TimeoutError as error:
            self.cancelled_at.append(sent)
            raise faults.timed_out(self.name) from error
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled_at.append(sent)
            raise
        finally:
            self.active -= 1
