"""Values of `tiku.common.v1` and back."""

from __future__ import annotations

import pytest

from services.common.messages import usage_message, value_of
from services.common.values import TokenUsage
from tiku.common.v1 import source_pb2


@pytest.mark.parametrize(
    "usage",
    [TokenUsage(3, 5), TokenUsage(3, 5, 0, 0), TokenUsage(3, 5, 2), TokenUsage(3, 5, reasoning_tokens=4), TokenUsage()],
)
def test_what_is_not_known_of_usage_stays_so(usage: TokenUsage) -> None:
    message = source_pb2.TokenUsage.FromString(usage_message(usage).SerializeToString())
    assert message.total_tokens == usage.total_tokens
    assert value_of(TokenUsage, message) == usage


def test_counts_that_are_not_known_add_nothing() -> None:
    assert TokenUsage(1, 2) + TokenUsage(3, 4) == TokenUsage(4, 6)
    assert TokenUsage(1, 2, 1) + TokenUsage(3, 4) == TokenUsage(4, 6, 1)
    assert TokenUsage(1, 2, 1, 0) + TokenUsage(3, 4, 2, 4) == TokenUsage(4, 6, 3, 4)
