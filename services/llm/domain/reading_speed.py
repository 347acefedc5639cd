"""How fast a model reads, as its server said of its last calls."""

from __future__ import annotations

from collections import deque

from services.llm.values.chat import Reading

_KEPT = 5
_LEAST_TOKENS = 32
"""A prompt with fewer new tokens tells how long a call takes, rather than reading."""


class ReadingSpeed:
    """The speed of the last calls: what else runs beside them is in it."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque(maxlen=_KEPT)

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens a second; None until a server said so."""
        if not self._readings:
            return None
        return sum(one.tokens for one in self._readings) / sum(one.seconds for one in self._readings)

    def record(self, reading: Reading | None) -> None:
        """Count a call, if its provider said how long it read."""
        if reading is not None and reading.tokens >= _LEAST_TOKENS:
            self._readings.append(reading)
