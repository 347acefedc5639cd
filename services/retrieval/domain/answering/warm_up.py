"""Reading ahead: an engine that keeps what it read begins the first answer sooner (ADR 0077)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from services.kit.errors import FailedPrecondition, TikuError
from services.retrieval.domain.prompts.answer import beginnings
from services.retrieval.ports import ChatModel
from services.retrieval.values.chat import ChatMessage, ChatRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Has the default model read what the prompt of every answer begins with. Its server then also tells its speed."""

    _chat: ChatModel
    retry_seconds: float = 2.0

    async def run(self) -> None:
        """Read once, as soon as the model is there, then wait until canceled: background work never ends by itself."""
        for messages in beginnings():
            await self._read(messages)
        await asyncio.Event().wait()

    async def _read(self, messages: Sequence[ChatMessage]) -> None:
        while True:
            try:
                async with aclosing(self._chat.stream(ChatRequest(messages, "", 1))) as stream:
                    async for _ in stream:
                        pass
            except FailedPrecondition:
                return  # There is no model.
            except TikuError as error:
                logger.info("the model is not there yet to read what answers begin with", extra={"error": repr(error)})
                await asyncio.sleep(self.retry_seconds)
            else:
                return
