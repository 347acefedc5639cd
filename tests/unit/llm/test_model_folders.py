"""What runs the model in a folder, and what is said where nothing does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.kit.start import StartError
from services.llm.adapters.local import folders
from services.llm.adapters.local.folders import ModelFolder
from services.llm.values.local import Backend, Task
from tests.fakes import tiny_embedder

MODULES = [{"path": "", "type": "sentence_transformers.models.Transformer"}]
DENSE = {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    tiny_embedder.build(tmp_path / "tiny")
    return tmp_path / "tiny"


def _write(folder: Path, name: str, content: Any) -> None:
    (folder / name).write_text(json.dumps(content))


def test_onnx_runs_what_it_can_unless_torch_is_wanted(tiny: Path) -> None:
    assert ModelFolder(tiny).backend(Task.EMBED, None) is Backend.ONNX
    assert ModelFolder(tiny).backend(Task.EMBED, Backend.TORCH) is Backend.TORCH


@pytest.mark.parametrize(
    ("name", "content", "obstacle"),
    [
        ("modules.json", [*MODULES, DENSE], "modules.json has Dense"),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "its pooling is lasttoken"),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}, "is cls[+]max"),
        ("1_Pooling/config.json", {"pooling_mode": "mean", "include_prompt": False}, "is without the prompt"),
    ],
)
def test_torch_runs_the_rest(tiny: Path, name: str, content: Any, obstacle: str) -> None:
    _write(tiny, name, content)
    assert ModelFolder(tiny).backend(Task.EMBED, None) is Backend.TORCH
    with pytest.raises(StartError, match=f"cannot run on ONNX Runtime: .*{obstacle}"):
        ModelFolder(tiny).backend(Task.EMBED, Backend.ONNX)


def test_a_folder_without_onnx_says_how_to_make_one(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tiny / "onnx" / "model_int8.onnx").unlink()
    assert ModelFolder(tiny).backend(Task.EMBED, None) is Backend.TORCH
    monkeypatch.setattr(folders, "find_spec", lambda _: None)
    with pytest.raises(StartError, match=r"pip install 'tiku\[torch\]'.*tiku models quantize"):
        ModelFolder(tiny).backend(Task.EMBED, None)


def test_eight_bits_come_before_thirty_two(tiny: Path) -> None:
    for name in ("model.onnx", "model_qint8_avx512_vnni.onnx"):
        (tiny / "onnx" / name).touch()
    assert ModelFolder(tiny).onnx_file == tiny / "onnx" / "model_int8.onnx"
    (tiny / "onnx" / "model_int8.onnx").unlink()
    assert ModelFolder(tiny).onnx_file == tiny / "onnx" / "model_qint8_avx512_vnni.onnx"


def test_an_encoder_is_no_cross_encoder_and_an_empty_folder_is_nothing(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="holds no cross-encoder"):
        ModelFolder(tiny).backend(Task.RERANK, None)
    for task, missing in ((Task.EMBED, "modules.json"), (Task.RERANK, "config.json")):
        with pytest.raises(StartError, match=f"{missing} is missing"):
            ModelFolder(tmp_path).backend(task, None)


def test_as_many_tokens_are_read_as_the_shortest_limit_says(tiny: Path) -> None:
    assert ModelFolder(tiny).most_tokens == 64
    _write(tiny, "sentence_bert_config.json", {"max_seq_length": 16})
    assert ModelFolder(tiny).most_tokens == 16


@pytest.mark.parametrize(
    ("config", "activated"),
    [
        ({}, True),
        ({"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}}, False),
        ({"sbert_ce_default_activation_function": "torch.nn.modules.activation.Sigmoid"}, True),
    ],
)
def test_a_cross_encoder_says_how_its_scores_end(tmp_path: Path, config: Any, activated: bool) -> None:
    _write(tmp_path, "config.json", config)
    assert ModelFolder(tmp_path).activated is activated
