"""The measures of models on Prometheus' page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from services.llm.domain.measures import Distribution, Measures, ModelMeasures

_LABELS: Final = ("provider", "model")
_HISTOGRAMS: Final[tuple[tuple[str, str, Callable[[ModelMeasures], Distribution]], ...]] = (
    ("tiku_llm_first_token_seconds", "From sending a streamed call to its first text.", lambda of: of.first_token),
    ("tiku_llm_between_tokens_seconds", "From one text of a stream to the next one.", lambda of: of.between_tokens),
    ("tiku_llm_call_seconds", "From sending a call to its end.", lambda of: of.seconds),
    ("tiku_llm_input_tokens", "Tokens that a call read.", lambda of: of.input_tokens),
    ("tiku_llm_output_tokens", "Tokens that a call wrote.", lambda of: of.output_tokens),
    ("tiku_llm_cost", "What a call cost, in the currency of the providers file.", lambda of: of.cost),
)
_COUNTERS: Final[tuple[tuple[str, str, Callable[[ModelMeasures], int]], ...]] = (
    ("tiku_llm_calls_failed", "Calls that failed.", lambda of: of.failed),
    ("tiku_llm_calls_canceled", "Calls whose caller left, or that lost against another one.", lambda of: of.canceled),
)


class ModelMetrics(Collector):
    """Makes metrics of what was measured, whenever the page is read."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of every model."""
        models = list(self._measures.items())
        for name, text, distribution in _HISTOGRAMS:
            histogram = HistogramMetricFamily(name, text, labels=_LABELS)
            for labels, measures in models:
                found = distribution(measures)
                bounds = [*map(str, found.bounds), "+Inf"]
                histogram.add_metric(
                    labels, list(zip(bounds, accumulate(list(found.counts)), strict=True)), found.total
                )
            yield histogram
        for name, text, number in _COUNTERS:
            counter = CounterMetricFamily(name, text, labels=_LABELS)
            for labels, measures in models:
                counter.add_metric(labels, number(measures))
            yield counter
