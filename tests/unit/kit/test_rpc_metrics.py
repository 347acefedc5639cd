"""What a server counts of its calls, as Prometheus reads it."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from services.kit.rpc_metrics import RpcMetrics


@pytest.fixture
def metrics() -> RpcMetrics:
    return RpcMetrics()


def _page(metrics: RpcMetrics) -> dict[tuple[str, str], float]:
    """Value by name of the sample and its upper bound ("" for none), read back from the page."""
    registry = CollectorRegistry()
    registry.register(metrics)
    return {
        (sample.name, sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_calls_are_counted_by_the_time_that_they_took(metrics: RpcMetrics) -> None:
    for seconds in (0.0005, 0.001, 0.002, 200.0):
        metrics.started()
        metrics.ended("/tiku.llm.v1.LlmService/Chat", "OK", seconds)
    page = _page(metrics)
    assert page["tiku_rpc_seconds_bucket", "0.001"] == 2, "a bound belongs to its bucket"
    assert page["tiku_rpc_seconds_bucket", "0.005"] == 3, "buckets hold what the smaller ones hold"
    assert page["tiku_rpc_seconds_bucket", "120.0"] == 3
    assert page["tiku_rpc_seconds_bucket", "+Inf"] == page["tiku_rpc_seconds_count", ""] == 4
    assert page["tiku_rpc_seconds_sum", ""] == pytest.approx(200.0035)


def test_a_call_is_in_flight_from_its_start_to_its_end(metrics: RpcMetrics) -> None:
    metrics.started()
    metrics.started()
    metrics.ended("/a/B", "INTERNAL", 0.1)
    metrics.refused()
    page = _page(metrics)
    assert page["tiku_rpc_in_flight", ""] == 1
    assert page["tiku_rpc_refused_total", ""] == 1


def test_methods_and_statuses_are_told_apart(metrics: RpcMetrics) -> None:
    for method, status in (("/a/B", "OK"), ("/a/B", "CANCELLED"), ("/a/C", "OK")):
        metrics.started()
        metrics.ended(method, status, 0.01)
    histogram = next(family for family in metrics.collect() if family.name == "tiku_rpc_seconds")
    counts = {(s.labels["method"], s.labels["status"]): s.value for s in histogram.samples if s.name.endswith("_count")}
    assert counts == {("/a/B", "OK"): 1, ("/a/B", "CANCELLED"): 1, ("/a/C", "OK"): 1}
