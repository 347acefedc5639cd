"""What a call costs."""

from __future__ import annotations

from services.llm.values.prices import Price


def test_cached_tokens_are_a_part_of_the_prompt_with_a_price_of_its_own() -> None:
    price = Price(input_nanos_per_token=150, cached_input_nanos_per_token=75, output_nanos_per_token=600)
    assert price.cost_nanos(1_000_000, 0) == 150_000_000
    assert price.cost_nanos(10, 2, cached_input_tokens=4) == 6 * 150 + 4 * 75 + 2 * 600
