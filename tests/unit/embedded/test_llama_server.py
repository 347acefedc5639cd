"""What the local engine is told."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from services.embedded import llama_server

GIB = 1024**3


@pytest.mark.parametrize(("available", "kept_in"), [(8 * GIB, "F16"), (GIB, "Q8_0")])
def test_the_context_is_kept_in_full_unless_memory_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, available: int, kept_in: str
) -> None:
    weights = tmp_path / "weights.gguf"
    weights.write_bytes(b"GGUF")
    monkeypatch.setattr(llama_server, "available_memory", lambda: available)
    options = argparse.Namespace(
        model=weights, alias="m", host="127.0.0.1", port=1, slots=4, slot_context=512, threads=2
    )
    params = llama_server.parameters(options)
    assert params.cache_type_k.name == params.cache_type_v.name == f"GGML_TYPE_{kept_in}"
    assert (params.n_parallel, params.n_ctx) == (4, 2048)


def test_threads_of_the_engine_sleep_while_they_wait() -> None:
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
