"""What is known of a target from the calls that it got."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from services.kit.errors import TikuError
from services.llm.domain import faults
from services.llm.domain.allowance import Allowance
from services.llm.domain.breaker import Breaker
from services.llm.domain.reading_speed import ReadingSpeed
from services.llm.domain.response_times import ResponseTimes

_RETRY_SHARE = 0.1
_RETRIES_SAVED = 10


class Verdict:
    """How a call is going."""

    def __init__(self, times: ResponseTimes) -> None:
        self._times = times
        self._began = asyncio.get_running_loop().time()
        self.answered = False

    def answer(self) -> None:
        """Count that the target answered, or began to."""
        self.answered = True
        self._times.record(self._elapsed())

    def give_up(self) -> None:
        """Count that nobody waits for the answer any more."""
        self._times.record_at_least(self._elapsed())

    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() - self._began


class Health:
    """The breaker, the response times, the speed and the retries of one target."""

    def __init__(self, name: str) -> None:
        self.breaker = Breaker(name)
        self.first_token = ResponseTimes()
        """Times to the first token of streams."""
        self.whole = ResponseTimes()
        """Times to whole answers."""
        self.reading = ReadingSpeed()
        self.retries = Allowance(_RETRY_SHARE, _RETRIES_SAVED)
        """Second calls that the same target may get for one request."""

    @contextmanager
    def judged(self, times: ResponseTimes, deadline: float) -> Iterator[Verdict]:
        """Judge the call in the block, which has to end at `deadline` on the loop's clock."""
        probe = self.breaker.begin()
        verdict = Verdict(times)
        try:
            yield verdict
        except TikuError as error:
            self._blame(error, probe=probe, late=asyncio.get_running_loop().time() >= deadline)
            raise
        except BaseException:  # Its caller left.
            if verdict.answered:
                self.breaker.succeeded()
            else:
                verdict.give_up()
                self.breaker.abandoned(probe=probe)
            raise
        else:
            self.breaker.succeeded()

    def _blame(self, error: TikuError, *, probe: bool, late: bool) -> None:
        if error.retry_after is not None and error.reason in faults.RETRYABLE:
            self.breaker.hold(error, error.retry_after)
        if error.reason == faults.RATE_LIMITED or (error.reason == faults.TIMEOUT and late):
            # It says nothing about the provider that a caller has little time.
            self.breaker.abandoned(probe=probe)
        elif error.reason in faults.BLAMED:
            self.breaker.failed(error, probe=probe)
        else:
            self.breaker.succeeded()
