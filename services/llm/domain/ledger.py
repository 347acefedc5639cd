"""What was asked and spent since this process started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from services.common.values import TokenUsage


@dataclass(frozen=True, slots=True)
class Tally:
    """What one model of one provider was asked and cost."""

    provider: str
    model: str
    calls: int = 0
    failed: int = 0
    cancelled: int = 0
    tokens: TokenUsage = field(default_factory=TokenUsage)


@dataclass(slots=True)
class Spent:
    """What a call has cost so far."""

    tokens: TokenUsage | None = None
    """The provider's own count."""
    deltas: int = 0
    """Pieces of a stream that came, each about one token."""

    def total(self) -> TokenUsage:
        """Return the provider's own count; without one, as after a cancel, the pieces that came."""
        return self.tokens or TokenUsage(completion_tokens=self.deltas)


class Ledger:
    """Counts every call that reached a provider, once, when it ends."""

    def __init__(self) -> None:
        self.since = datetime.now(UTC)
        self._tallies: dict[tuple[str, str], Tally] = {}

    @contextmanager
    def recorded(self, provider: str, model: str) -> Iterator[Spent]:
        """Count the call in the block however it ends."""
        spent, failed, cancelled = Spent(), 0, 1
        try:
            yield spent
            cancelled = 0
        except Exception:
            failed, cancelled = 1, 0
            raise
        finally:
            tally = self._tallies.get((provider, model)) or Tally(provider, model)
            self._tallies[provider, model] = replace(
                tally,
                calls=tally.calls + 1,
                failed=tally.failed + failed,
                cancelled=tally.cancelled + cancelled,
                tokens=tally.tokens + spent.total(),
            )

    def tallies(self) -> list[Tally]:
        """Return one entry a provider and model, ordered by both."""
        return [self._tallies[key] for key in sorted(self._tallies)]
