"""A sentence-transformers model of random weights, written without torch, which takes seconds to load.

Its vectors mean nothing, but everything around them is real: tokenizer, limit of 64 tokens, prompts, padding. It does
not normalize, so that a test sees who does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from services.models.int8 import quantize

_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:;!?-'光合作用题库知识"
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_PIECES = [*_SPECIAL, *_CHARACTERS, *(f"##{c}" for c in _CHARACTERS)]
_HIDDEN, _INTERMEDIATE, _LAYERS, _TOKENS = 32, 64, 2, 64

_FILES: dict[str, Any] = {
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ],
    "config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "passage: "}},
    "sentence_bert_config.json": {"max_seq_length": _TOKENS, "do_lower_case": False},
    "1_Pooling/config.json": {"word_embedding_dimension": _HIDDEN, "pooling_mode_mean_tokens": True},
    "config.json": {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": len(_PIECES),
        "hidden_size": _HIDDEN,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": 2,
        "intermediate_size": _INTERMEDIATE,
        "max_position_embeddings": _TOKENS,
        "pad_token_id": 0,
    },
    "tokenizer_config.json": {
        "tokenizer_class": "BertTokenizer",
        "model_max_length": _TOKENS,
        **{f"{piece[1:4].lower()}_token": piece for piece in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")},
        "mask_token": "[MASK]",
    },
}


def build_cross_encoder(folder: Path) -> None:
    """Write a cross-encoder of random weights into `folder`."""
    folder.mkdir(parents=True)
    labels = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
    config = _FILES["config.json"] | {"architectures": ["BertForSequenceClassification"], **labels}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(_FILES["tokenizer_config.json"]), encoding="utf-8")
    _tokenizer().save(str(folder / "tokenizer.json"))
    weights = {f"bert.{name}": tensor for name, tensor in _weights().items()}
    for name, tensor in weights.items():
        if "attention" in name and tensor.ndim == 2:
            tensor *= 20  # So much that the first token's state depends on the others.
    head = {"classifier.weight": np.linspace(-4, 4, _HIDDEN)[None, :], "classifier.bias": np.zeros(1)}
    (folder / "model.safetensors").write_bytes(_safetensors(weights | head))
    quantize(folder)


def build(folder: Path) -> None:
    """Write the model into `folder`."""
    (folder / "1_Pooling").mkdir(parents=True)
    for name, content in _FILES.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    _tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "model.safetensors").write_bytes(_safetensors(_weights()))
    quantize(folder)


def _tokenizer() -> Tokenizer:
    vocabulary = {piece: number for number, piece in enumerate(_PIECES)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.add_special_tokens(_SPECIAL)
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _weights() -> dict[str, np.ndarray]:
    """Return the tensors of a BERT by their names."""
    dice = np.random.default_rng(7)
    weights: dict[str, np.ndarray] = {}

    def linear(name: str, rows: int, columns: int) -> None:
        weights[f"{name}.weight"] = dice.normal(0, 0.02, (rows, columns))
        weights[f"{name}.bias"] = np.zeros(rows)

    def norm(name: str) -> None:
        weights[f"{name}.weight"] = np.ones(_HIDDEN)
        weights[f"{name}.bias"] = np.zeros(_HIDDEN)

    for name, rows in (("word", len(_PIECES)), ("position", _TOKENS), ("token_type", 2)):
        weights[f"embeddings.{name}_embeddings.weight"] = dice.normal(0, 0.02, (rows, _HIDDEN))
    norm("embeddings.LayerNorm")
    for number in range(_LAYERS):
        layer = f"encoder.layer.{number}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            linear(f"{layer}.attention.{part}", _HIDDEN, _HIDDEN)
        norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.intermediate.dense", _INTERMEDIATE, _HIDDEN)
        linear(f"{layer}.output.dense", _HIDDEN, _INTERMEDIATE)
        norm(f"{layer}.output.LayerNorm")
    linear("pooler.dense", _HIDDEN, _HIDDEN)
    return weights


def _safetensors(weights: dict[str, np.ndarray]) -> bytes:
    """Return tensors in the format of safetensors: the length of the header, the header as JSON, the numbers."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, tensor in weights.items():
        raw = tensor.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + data
