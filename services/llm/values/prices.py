"""What tokens cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a provider bills for one token of a model, in billionths of the installation's currency.

    A price of $0.15 for a million tokens is 150 nano-dollars a token. Whole numbers add up without rounding. All
    prices of an installation are in one currency, since a budget sums over providers.
    """

    input_nanos_per_token: int
    cached_input_nanos_per_token: int
    """A token of the prompt that the provider had in its cache; as `input_nanos_per_token` where it grants nothing."""
    output_nanos_per_token: int

    @classmethod
    def of_reading(cls, nanos_per_token: int) -> Price:
        """Return the price of a model that reads and writes nothing, such as one that embeds."""
        return cls(
            input_nanos_per_token=nanos_per_token,
            cached_input_nanos_per_token=nanos_per_token,
            output_nanos_per_token=0,
        )

    def cost_nanos(self, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0) -> int:
        """Return what a call costs; `cached_input_tokens` are those of `input_tokens` that were in the cache."""
        return (
            (input_tokens - cached_input_tokens) * self.input_nanos_per_token
            + cached_input_tokens * self.cached_input_nanos_per_token
            + output_tokens * self.output_nanos_per_token
        )


FREE: Final = Price.of_reading(0)
"""What a model costs that runs on one's own machine."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A model of a provider, and what it costs; None where that is not known."""

    provider: str
    model: str
    price: Price | None = None
