"""Every metric that the board shows exists, and has the labels by which it shows it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from prometheus_client import generate_latest

from gateway.metrics import Metrics
from services.common.values import TokenUsage
from services.kit.loop_lag import LoopLagMonitor
from services.kit.metrics_page import process_registry
from services.kit.rpc_metrics import RpcMetrics
from services.llm.adapters.model_metrics import ModelMetrics
from services.llm.domain.measures import ModelMeasures

BOARD = Path(__file__).parents[3] / "deploy" / "grafana" / "tiku.json"
_NAME = re.compile(r"\b(?:tiku|process)_\w+")
_BY = re.compile(r"by \(([\w, ]+)\)")
_OF_PROMETHEUS = {"instance", "job", "le"}
"""Labels that Prometheus adds, and that of buckets."""


def pages() -> str:
    """The pages of a gateway and of an llm service that have seen one call each."""
    calls, lag = RpcMetrics(), LoopLagMonitor()
    calls.started()
    calls.ended("/tiku.llm.v1.LlmService/Chat", "OK", 0.1)
    measures = ModelMeasures()
    measures.first_token.add(0.1)
    measures.ended(0.2, TokenUsage(10, 20), 3, failed=True, canceled=False)
    registry = process_registry(calls, lag, ModelMetrics({("far", "large"): measures}))
    gateway = Metrics(lambda: 1, lag)
    gateway.record("Chat", 200, 0.1)
    return generate_latest(registry).decode() + gateway.page()[0].decode()


def test_what_the_board_shows_is_measured() -> None:
    panels = json.loads(BOARD.read_text(encoding="utf-8"))["panels"]
    lines = [line for line in pages().splitlines() if not line.startswith("#")]
    for panel in panels:
        for target in panel["targets"]:
            names = _NAME.findall(target["expr"])
            assert names, target
            for name in names:
                of = [line for line in lines if re.match(rf"{name}[{{ ]", line)]
                assert of, f"{panel['title']}: there is no metric {name}"
                for label in (label for by in _BY.findall(target["expr"]) for label in by.split(", ")):
                    assert label in _OF_PROMETHEUS or f"{label}=" in of[0], f"{name} has no label {label}"


def test_the_cost_of_calls_is_in_units_of_the_currency() -> None:
    assert 'tiku_llm_cost_sum{model="large",provider="far"} 3' in pages()
