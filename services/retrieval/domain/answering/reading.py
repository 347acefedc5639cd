"""How much a model reads before it answers, by how fast it reads (ADR 0077)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from services.kit.errors import TikuError
from services.retrieval.domain.answering.first_reading import in_parts, whole
from services.retrieval.ports import ModelDirectory
from services.retrieval.values.answer import Portion
from services.retrieval.values.chunk import Chunk

logger = logging.getLogger(__name__)

_SECONDS = 4.0
"""Of the five in which an answer is to begin."""
_LEAST_TOKENS = 200
"""What is read first at least, however slow a model is: less holds too few answers."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Decides what a model is given to read; a model of whose speed nothing is known reads everything at once."""

    _directory: ModelDirectory

    async def parts(self, question: str, passages: Sequence[Chunk], model: str) -> Sequence[Sequence[Portion]]:
        """Return what is read one after the other: each part only where those before it do not hold the answer."""
        speed = await self._speed(model)
        if speed is None:
            return [whole(passages)]
        # Tens of sentences are read for their words, which takes the loop's time for other requests.
        return await asyncio.to_thread(in_parts, question, passages, max(_LEAST_TOKENS, _SECONDS * speed))

    async def _speed(self, model: str) -> float | None:
        try:
            served = await self._directory.chat_models()
        except TikuError as error:
            logger.warning("it is not known how fast the model reads", extra={"error": repr(error)})
            return None
        return next((one.input_tokens_per_second for one in served if model in ("", one.name)), None)
