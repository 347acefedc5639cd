"""Whether the model that answered would say that what it read holds the answer (docs/adr/0087).

A small model answers whatever it is asked. Asked for one word, it tells better: how likely it would say yes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.common.values import TokenUsage
from services.kit.errors import TikuError
from services.language.detection import language_of
from services.retrieval.ports import Judge
from services.retrieval.values.answer import Portion
from services.retrieval.values.calibration import JudgeCalibration, calibration_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AnswerabilityCheck:
    """Asks the judge; `calibrations` are those of chat models, by a part of their names."""

    _judge: Judge
    _calibrations: Mapping[str, JudgeCalibration]
    _timeout_seconds: float = 10.0

    async def holds_answer(self, question: str, portions: Sequence[Portion]) -> tuple[bool, TokenUsage]:
        """Return whether the portions may hold the answer, and what asking cost.

        They may where the judge fails or is late, and where nothing was measured of it in the question's language.
        """
        text = "\n\n".join(portion.text for portion in portions)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                verdict = await self._judge.judge(question, text)
        except (TikuError, TimeoutError) as error:
            logger.warning("the judge failed, the answer goes unjudged", extra={"error": repr(error)})
            return True, TokenUsage()
        known = calibration_of(verdict.model, self._calibrations)
        least = known.least.get(language_of(question), 0.0) if known else 0.0
        logger.info("an answer was judged", extra={"yes": verdict.yes, "least": least, "model": verdict.model})
        return verdict.yes >= least, verdict.usage
