"""How many requests and tokens a provider gets in any minute."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from math import inf

from services.llm.domain import faults

_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class Passage:
    """A call that passes at an instant of the loop's clock, with as many tokens as it is thought to take."""

    at: float
    tokens: int


class RateWindow:
    """Lets calls pass so that no window of `seconds` holds more than `requests` of them, or than `tokens` tokens.

    A call gets the instant at which it may pass when it asks, first come, first served, so nobody has to wake anybody.
    Providers count in windows of their own: with a bucket that fills steadily, a full one and what flows in behind
    would be twice the limit in the first minute.
    """

    def __init__(
        self, provider: str, *, requests: int | None = None, tokens: int | None = None, seconds: float = _SECONDS
    ) -> None:
        self._provider = provider
        self._requests = requests or inf
        self._tokens = tokens or inf
        self._seconds = seconds
        self._passages: deque[Passage] = deque()
        self._sum = 0

    def wait_seconds(self, tokens: int) -> float:
        """Return how long a call of so many tokens would have to wait if it asked now."""
        now = asyncio.get_running_loop().time()
        return max(0.0, self._earliest(tokens, now) - now)

    async def passing(self, tokens: int, timeout: float) -> Passage:
        """Wait until a call of so many tokens may pass, and count it.

        A call of more tokens than the limit passes when it is alone in the window.

        Raises:
            ResourceExhausted: its turn comes later than in `timeout` seconds; reason PROVIDER_BUSY.
        """
        now = asyncio.get_running_loop().time()
        earliest = self._earliest(tokens, now)
        if earliest - now > timeout:
            raise faults.busy(self._provider, earliest - now)
        passage = Passage(earliest, tokens)
        self._passages.append(passage)
        self._sum += tokens
        if earliest > now:
            try:
                await asyncio.sleep(earliest - now)
            except asyncio.CancelledError:
                self._passages.remove(passage)
                self._sum -= passage.tokens
                raise
        return passage

    def settle(self, passage: Passage, tokens: int) -> None:
        """Replace the tokens that a call was thought to take by those that it took."""
        if passage.at > asyncio.get_running_loop().time() - self._seconds:
            self._sum += tokens - passage.tokens
            passage.tokens = tokens

    def _earliest(self, tokens: int, now: float) -> float:
        passages = self._passages
        while passages and passages[0].at <= now - self._seconds:
            self._sum -= passages.popleft().tokens
        # Nobody overtakes: a large call would wait for ever behind small ones.
        earliest = max(now, passages[-1].at) if passages else now
        if len(passages) >= self._requests:
            earliest = max(earliest, passages[len(passages) - int(self._requests)].at + self._seconds)
        excess = self._sum + min(tokens, self._tokens) - self._tokens
        for passage in passages:
            if excess <= 0:
                break
            earliest = max(earliest, passage.at + self._seconds)
            excess -= passage.tokens
        return earliest
