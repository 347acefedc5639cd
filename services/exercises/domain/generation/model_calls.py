"""Calling the model within a run's bounds: a few calls at once, each in its time, none after it failed for good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from services.exercises.domain.completion.structured import StructuredCompletion, complete
from services.exercises.ports import ChatModel
from services.exercises.values.chat import ChatRequest
from services.kit import errors

logger = logging.getLogger(__name__)

_LASTING = (errors.FailedPrecondition, errors.NotFound, errors.InvalidArgument, errors.Unimplemented)
"""Errors that the next call would meet as well: no model is there, or the request is wrong."""


class ModelCalls:
    """The calls of one run."""

    def __init__(self, model: ChatModel, *, in_flight: int, most_failures: int) -> None:
        self._model = model
        self._limit = asyncio.Semaphore(in_flight)
        self._width = in_flight
        self._most_failures = most_failures
        self._failures = 0
        """Failed calls in a row; those that ran side by side count once."""
        self.lasting_error: errors.TikuError | None = None
        """Why the model is not to be asked any more."""

    async def complete(
        self, request: ChatRequest, seconds: float, on_token: Callable[[str], Awaitable[None]] | None = None
    ) -> StructuredCompletion:
        """Return the model's completion within its time, in seconds from when a call is free.

        A model that takes too long is asked one question less at once from then on: one machine that answers two takes
        twice as long for each.

        Raises:
            TikuError: the model does not serve, or is too slow.
        """
        await self._limit.acquire()
        before = self._failures
        slow = False
        try:
            completion = await self._in_time(request, seconds, on_token)
        except errors.TikuError as error:
            self._note_failure(error, before)
            slow = isinstance(error, errors.DeadlineExceeded)
            raise
        else:
            self._failures = 0
            return completion
        finally:
            if slow and self._width > 1:
                self._width -= 1
            else:
                self._limit.release()

    async def _in_time(
        self, request: ChatRequest, seconds: float, on_token: Callable[[str], Awaitable[None]] | None
    ) -> StructuredCompletion:
        try:
            async with asyncio.timeout(seconds):
                return await complete(self._model, request, on_token)
        except TimeoutError:
            raise errors.DeadlineExceeded("The model took too long.", reason="MODEL_TOO_SLOW") from None

    def _note_failure(self, error: errors.TikuError, before: int) -> None:
        """Remember that a call failed that began after `before` failures in a row."""
        if before == self._failures:
            self._failures += 1
        if isinstance(error, _LASTING) or self._failures >= self._most_failures:
            self.lasting_error = error
            logger.warning("model does not serve", extra={"reason": error.reason})
