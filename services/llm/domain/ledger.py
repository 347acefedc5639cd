"""What was asked and spent since this process started."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, auto

from services.common.values import TokenUsage


class Outcome(Enum):
    """How a call ended."""

    ANSWERED = auto()
    FAILED = auto()
    CANCELLED = auto()


@dataclass(frozen=True, slots=True)
class Tally:
    """What one model of one provider was asked and cost."""

    provider: str
    model: str
    calls: int = 0
    failed: int = 0
    cancelled: int = 0
    tokens: TokenUsage = field(default_factory=TokenUsage)


class Ledger:
    """Counts every call that reached a provider, once, when it ends."""

    def __init__(self) -> None:
        self.since = datetime.now(UTC)
        self._tallies: dict[tuple[str, str], Tally] = {}

    def record(self, provider: str, model: str, outcome: Outcome, tokens: TokenUsage) -> None:
        """Add one call that ended."""
        before = self._tallies.get((provider, model)) or Tally(provider, model)
        self._tallies[provider, model] = Tally(
            provider,
            model,
            calls=before.calls + 1,
            failed=before.failed + (outcome is Outcome.FAILED),
            cancelled=before.cancelled + (outcome is Outcome.CANCELLED),
            tokens=before.tokens + tokens,
        )

    def tallies(self) -> list[Tally]:
        """Return one entry a provider and model, ordered by both."""
        return [self._tallies[key] for key in sorted(self._tallies)]
