"""What models find in a text, and which of them can."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.values import TokenUsage
from services.retrieval.values.graph import Contribution


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found in a text: the best answer, who gave it, and what all that were asked cost."""

    found: Contribution
    model: str
    usage: TokenUsage


@dataclass(frozen=True, slots=True)
class ModelProbe:
    """Whether a model can extract; `reason` says why not and is empty when it can."""

    model: str
    can_extract: bool
    reason: str
    latency_ms: int
    usage: TokenUsage
