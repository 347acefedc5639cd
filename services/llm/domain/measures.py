"""How fast models answer, and what their calls use and cost, as distributions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from services.common.values import TokenUsage

SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
TOKENS: Final = (16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0)
COST: Final = (1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0)
_NANO: Final = 1e-9


@dataclass(slots=True)
class Distribution:
    """Numbers by bucket. The loop's thread adds; another one reads."""

    bounds: Sequence[float]
    counts: list[int] = field(init=False)
    """By upper bound; the last one counts those above the last bound."""
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, number: float) -> None:
        """Count a number."""
        self.counts[bisect_left(self.bounds, number)] += 1
        self.total += number

    def add_zeros(self, count: int) -> None:
        """Count zeros."""
        self.counts[0] += count


@dataclass(slots=True)
class ModelMeasures:
    """The calls of one model of one provider."""

    first_token: Distribution = field(default_factory=lambda: Distribution(SECONDS))
    """Seconds from sending a streamed call to its first text."""
    between_tokens: Distribution = field(default_factory=lambda: Distribution(SECONDS))
    """Seconds from one text of a stream to the next one."""
    seconds: Distribution = field(default_factory=lambda: Distribution(SECONDS))
    """From sending a call to its end."""
    input_tokens: Distribution = field(default_factory=lambda: Distribution(TOKENS))
    output_tokens: Distribution = field(default_factory=lambda: Distribution(TOKENS))
    cost: Distribution = field(default_factory=lambda: Distribution(COST))
    """In units of the currency, such as dollars."""
    failed: int = 0
    canceled: int = 0

    def ended(self, seconds: float, tokens: TokenUsage, cost_nanos: int, *, failed: bool, canceled: bool) -> None:
        """Count the end of a call."""
        self.seconds.add(seconds)
        self.input_tokens.add(tokens.prompt_tokens)
        self.output_tokens.add(tokens.completion_tokens)
        self.cost.add(cost_nanos * _NANO)
        self.failed += failed
        self.canceled += canceled


Measures = dict[tuple[str, str], ModelMeasures]
"""By provider and model."""
