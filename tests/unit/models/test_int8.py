"""The int8 writer on a tiny encoder; that its vectors are torch's is tested in tests/contract/llm_embedder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import load_file, save_file

from services.models.int8 import NotQuantizableError, quantize
from tests.fakes import tiny_embedder

IDS = np.array([[2, 5, 6, 7, 8, 3]])


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    tiny_embedder.build(tmp_path / "tiny")
    return tmp_path / "tiny"


def _change(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def _states(file: Path, ids: np.ndarray = IDS) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == ["input_ids"]
    (states,) = session.run(["last_hidden_state"], {"input_ids": ids})
    return np.asarray(states)


def test_roberta_counts_positions_from_behind_padding(tiny: Path) -> None:
    bert = _states(tiny / "onnx" / "model_int8.onnx")
    name = "embeddings.position_embeddings.weight"
    tensors = load_file(tiny / "model.safetensors")
    tensors[name] = np.concatenate([np.full((2, 32), 9, np.float32), tensors[name]])
    save_file({f"roberta.{key}": tensor for key, tensor in tensors.items()}, tiny / "model.safetensors")
    _change(tiny, model_type="xlm-roberta", pad_token_id=1)
    np.testing.assert_array_equal(_states(quantize(tiny)), bert)


def test_weights_of_half_precision_are_read(tiny: Path) -> None:
    whole = _states(tiny / "onnx" / "model_int8.onnx")
    tensors = load_file(tiny / "model.safetensors")
    save_file({key: tensor.astype(np.float16) for key, tensor in tensors.items()}, tiny / "model.safetensors")
    np.testing.assert_allclose(_states(quantize(tiny)), whole, atol=0.1)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"model_type": "gemma3"}, "model_type 'gemma3' is none of bert, roberta, xlm-roberta"),
        ({"hidden_act": "relu"}, "hidden_act 'relu' is not 'gelu'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ({"num_hidden_layers": 3}, "encoder.layer.2.attention.self.query.weight is missing"),
    ],
)
def test_another_family_is_refused(tiny: Path, changes: dict[str, Any], complaint: str) -> None:
    _change(tiny, **changes)
    with pytest.raises(NotQuantizableError, match=complaint):
        quantize(tiny)


def test_a_cut_off_file_is_refused(tiny: Path) -> None:
    weights = tiny / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(NotQuantizableError, match="tiny"):
        quantize(tiny)


def test_words_of_four_bits_lose_nothing(tiny: Path) -> None:
    """In a block of Q4_0 every number is a whole multiple of an eighth of the largest."""
    tensors = load_file(tiny / "model.safetensors")
    words = np.random.default_rng(1).integers(-7, 8, tensors["embeddings.word_embeddings.weight"].shape)
    words[:, 5] = -8
    tensors["embeddings.word_embeddings.weight"] = words.astype(np.float32) * np.float32(0.0172)
    save_file(tensors, tiny / "model.safetensors")
    _change(tiny, num_hidden_layers=0)
    added = (
        tensors["embeddings.word_embeddings.weight"][IDS[0]]
        + tensors["embeddings.position_embeddings.weight"][: IDS.shape[1]]
        + tensors["embeddings.token_type_embeddings.weight"][0]
    )
    centered = added - added.mean(axis=1, keepdims=True)
    normal = centered / np.sqrt(centered.var(axis=1, keepdims=True) + 1e-12)
    scale, bias = (tensors[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias"))
    np.testing.assert_allclose(_states(quantize(tiny))[0], normal * scale + bias, atol=1e-5)
