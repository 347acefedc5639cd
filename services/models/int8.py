"""An encoder or cross-encoder of sentence-transformers, written as ONNX with weights of 8 bits, without torch.

`python -m services.models.int8 FOLDER` reads `config.json` and `model.safetensors` there and writes
`onnx/model_int8.onnx` beside them. The families are those that compute as BERT does: BERT, RoBERTa, XLM-RoBERTa.

- Weights have one scale for each output. Processors without VNNI overflow where both weights and states have 8 bits
  (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html, U8S8), so one of them has 7.
- What goes into a linear map is quantized when it is known, with one scale for the text. Into those of queries, keys
  and values and into the first of the feed-forward part it goes twice: in 7 bits, and what that left of it in 7 more.
  Most of what 8 bits lose is lost there. Into the second map of the feed-forward part, where single tokens have values
  a hundred times as large as others, it goes with a scale for each token.
- Tokens' vectors have a scale for every 32 numbers, and lose nothing where they come from 4 bits in such blocks (ggml's
  Q4_0). All else stays in float32.
- The graph takes one text at a time, so there is no padding, and the vector of a text does not depend on its company.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from services.models.onnx_file import MICROSOFT, OnnxGraph

FloatArray = NDArray[np.float32]

INT8_FILE: Final = "onnx/model_int8.onnx"
FAMILIES: Final = ("bert", "roberta", "xlm-roberta")
_HEADS: Final = (("pooler.dense", "classifier"), ("classifier.dense", "classifier.out_proj"))
"""The two maps of a cross-encoder's head: BERT's, and RoBERTa's."""
_MOST_WEIGHT: Final = 63
_MOST_WEIGHT_OF_SEVEN: Final = 127
"""Where states have 7 bits."""
_BLOCK: Final = 32
_MOST_TOKEN: Final = 120
"""A multiple of 8: the largest number in a block of Q4_0 is 8 of its steps, so all of them are whole numbers here."""
_SMALLEST: Final = 1e-9
_COARSE: Final = np.array(1 / 63, np.float32)
_FINE: Final = np.array(1 / (126 * 63), np.float32)
"""A 63rd of the most that rounding leaves, which is half a step of the coarse scale."""
_GELU_LEAST: Final = 0.17
"""GELU's least value is -0.16997."""


class NotQuantizableError(ValueError):
    """The folder holds no encoder of a family that can be written; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """What `config.json` says of an encoder."""

    layers: int
    heads: int
    hidden: int
    epsilon: float
    first_position: int
    """The position of the first token: RoBERTa and its kin count from behind that of padding."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Read the configuration.

        Raises:
            NotQuantizableError: it is of another family, or of a variant that computes in another way.
        """
        family = config.get("model_type")
        if family not in FAMILIES:
            raise NotQuantizableError(f"config.json: model_type {family!r} is none of {', '.join(FAMILIES)}")
        for name, value in (("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
            if config.get(name, value) != value:
                raise NotQuantizableError(f"config.json: {name} {config[name]!r} is not {value!r}")
        padding = config.get("pad_token_id", 1)
        return cls(
            config["num_hidden_layers"],
            config["num_attention_heads"],
            config["hidden_size"],
            config.get("layer_norm_eps", 1e-12),
            0 if family == "bert" else padding + 1,
        )


class _Writer:
    """Writes an encoder of given tensors as a graph."""

    def __init__(self, encoder: Encoder, tensors: Mapping[str, FloatArray]) -> None:
        self._encoder = encoder
        self._tensors = tensors
        self._graph = OnnxGraph()
        self._head = next((head for head in _HEADS if f"{head[1]}.weight" in tensors), None)

    def file(self) -> bytes:
        """Return the model's file.

        An encoder leads from `input_ids` (1, tokens) to `last_hidden_state` (1, tokens, hidden). A cross-encoder leads
        to `logits` (1, labels), and may ask for `token_type_ids` as well.
        """
        ids = self._graph.input("input_ids", "int64", (1, "tokens"))
        states = self._norm(self._embedded(ids), "embeddings.LayerNorm")
        for number in range(self._encoder.layers):
            states = self._layer(states, f"encoder.layer.{number}")
        if not self._head:
            return self._graph.model(states, "last_hidden_state", (1, "tokens", self._encoder.hidden))
        return self._graph.model(self._logits(states, *self._head), "logits", (1, "labels"))

    def _logits(self, states: str, dense: str, out: str) -> str:
        """Add the head of a cross-encoder: two maps of the first token's states, in full precision."""
        graph = self._graph
        first = graph.add("Gather", states, graph.constant("first", np.array(0, np.int64)), axis=1)
        inner = graph.add("Tanh", self._exact(first, dense))
        return self._exact(inner, out)

    def _exact(self, states: str, name: str) -> str:
        weight, bias = self._float(f"{name}.weight"), self._float(f"{name}.bias")
        return self._graph.add("Gemm", states, weight, bias, transB=1)

    def _embedded(self, ids: str) -> str:
        graph, first = self._graph, self._encoder.first_position
        table = self._tensors["embeddings.word_embeddings.weight"]
        count, hidden = table.shape
        block = math.gcd(hidden, _BLOCK)
        quantized, scales = _rows(table.reshape(-1, block), _MOST_TOKEN)
        rows = graph.add("Gather", graph.constant("words", quantized.reshape(count, -1, block)), ids)
        scale = graph.add("Gather", graph.constant("words.scales", scales.reshape(count, -1, 1)), ids)
        blocks = graph.add("Mul", graph.add("Cast", rows, to=1), scale)
        # Zero keeps a size: one text, and its tokens.
        words = graph.add("Reshape", blocks, graph.constant("joined", np.array([0, 0, hidden], np.int64)))
        places = self._tensors["embeddings.position_embeddings.weight"][first:]
        kinds = self._tensors["embeddings.token_type_embeddings.weight"]
        if self._head and len(kinds) > 1:
            asked = graph.input("token_type_ids", "int64", (1, "tokens"))
            words = graph.add("Add", words, graph.add("Gather", graph.constant("kinds", kinds), asked))
        else:
            # There is one kind of token, so its vector can be added to those of the positions.
            places = places + kinds[0]
        start = graph.constant("start", np.array([0], np.int64))
        end = graph.add("Shape", ids, start=1, end=2)
        return graph.add("Add", words, graph.add("Slice", graph.constant("places", places), start, end))

    def _layer(self, states: str, name: str) -> str:
        graph, heads = self._graph, self._encoder.heads
        parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        joined = self._linear_twice(states, *parts)
        query = graph.add("Split", joined, results=3, axis=-1, num_outputs=3)
        keys = (f"{query}.1", f"{query}.2")
        attended = graph.add("MultiHeadAttention", query, *keys, domain=MICROSOFT, num_heads=heads)
        added = graph.add("Add", self._linear(attended, f"{name}.attention.output.dense"), states)
        states = self._norm(added, f"{name}.attention.output.LayerNorm")
        wide = graph.add("Gelu", self._linear_twice(states, f"{name}.intermediate.dense"), domain=MICROSOFT)
        added = graph.add("Add", self._linear_of_gelu(wide, f"{name}.output.dense"), states)
        return self._norm(added, f"{name}.output.LayerNorm")

    def _norm(self, states: str, name: str) -> str:
        scale, bias = (self._float(f"{name}.{part}") for part in ("weight", "bias"))
        return self._graph.add("LayerNormalization", states, scale, bias, axis=-1, epsilon=self._encoder.epsilon)

    def _linear(self, states: str, name: str) -> str:
        """Add a linear map of states that are quantized with one scale."""
        weights, scales, bias = self._weights(name)
        return self._graph.add("DynamicQuantizeMatMul", states, weights, scales, "", bias, domain=MICROSOFT)

    def _linear_twice(self, states: str, *names: str) -> str:
        """Add linear maps, side by side, of states that are quantized, and once more what that left of them."""
        graph = self._graph
        weights, scales, bias = self._weights(*names, most=_MOST_WEIGHT_OF_SEVEN)
        smallest = graph.constant("smallest", np.array(_SMALLEST, np.float32))
        largest = graph.add("Max", graph.add("ReduceMax", graph.add("Abs", states), keepdims=0), smallest)
        coarse = graph.add("Mul", largest, graph.constant("coarse", _COARSE))
        fine = graph.add("Mul", largest, graph.constant("fine", _FINE))
        middle = graph.constant("middle", np.array(64, np.uint8))
        first = graph.add("QuantizeLinear", states, coarse, middle)
        left = graph.add("Sub", states, graph.add("DequantizeLinear", first, coarse, middle))
        second = graph.add("QuantizeLinear", left, fine, middle)
        known, rest = (
            graph.add("MatMulIntegerToFloat", quantized, weights, step, scales, middle, *more, domain=MICROSOFT)
            for quantized, step, more in ((first, coarse, ("", bias)), (second, fine, ()))
        )
        return graph.add("Add", known, rest)

    def _linear_of_gelu(self, states: str, name: str) -> str:
        """Add a linear map of what GELU gives, which is nowhere below `-_GELU_LEAST`, in all 8 bits."""
        graph = self._graph
        weights, scales, bias = self._weights(name, shift=_GELU_LEAST)
        positive = graph.add("Add", states, graph.constant("least", np.array(_GELU_LEAST, np.float32)))
        last = graph.constant("last", np.array([-1], np.int64))
        largest = graph.add("ReduceMax", positive, last, keepdims=1)
        step = graph.constant("step", np.array(1 / 255, np.float32))
        zero = graph.constant("zero", np.array(0, np.uint8))
        quantized = graph.add("QuantizeLinear", graph.add("Div", positive, largest), step, zero)
        product = graph.add("MatMulIntegerToFloat", quantized, weights, step, scales, zero, domain=MICROSOFT)
        return graph.add("Add", graph.add("Mul", product, largest), bias)

    def _weights(self, *names: str, most: int = _MOST_WEIGHT, shift: float = 0.0) -> tuple[str, str, str]:
        """Add the weights (input by output), scales and bias of linear maps side by side; return their names.

        The bias is that of states to which `shift` was added.
        """
        matrix = np.concatenate([self._tensors[f"{name}.weight"] for name in names])
        bias = np.concatenate([self._tensors[f"{name}.bias"] for name in names])
        quantized, scales = _rows(matrix, most)
        bias = bias - shift * scales * quantized.sum(axis=1, dtype=np.int32).astype(np.float32)
        constants: dict[str, NDArray[Any]] = {"weight": quantized.T, "scales": scales, "bias": bias}
        weight, scale, added = (self._graph.constant(f"{names[0]}.{part}", it) for part, it in constants.items())
        return weight, scale, added

    def _float(self, name: str) -> str:
        return self._graph.constant(name, self._tensors[name])


def _rows(matrix: FloatArray, most: int) -> tuple[NDArray[np.int8], FloatArray]:
    """Return a matrix in whole numbers from `-most` to `most`, and the scale of each row."""
    scales = np.maximum(np.abs(matrix).max(axis=1) / most, _SMALLEST).astype(np.float32)
    return np.rint(matrix / scales[:, None]).astype(np.int8), scales


def quantize(folder: Path) -> Path:
    """Write the int8 model of a folder into it, and return its file.

    Raises:
        NotQuantizableError: the folder holds no encoder that can be written.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        stored = load_file(folder / "model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise NotQuantizableError(f"{folder}: {error}") from error
    # Some checkpoints name the family before every tensor, and some are of half precision.
    tensors = {
        name.removeprefix("bert.").removeprefix("roberta."): tensor.astype(np.float32, copy=False)
        for name, tensor in stored.items()
    }
    try:
        data = _Writer(Encoder.of(config), tensors).file()
    except KeyError as error:
        raise NotQuantizableError(
            f"{folder}: {error.args[0]} is missing in config.json or model.safetensors"
        ) from error
    target = folder / INT8_FILE
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(data)
    return target


if __name__ == "__main__":
    try:
        quantize(Path(sys.argv[1]))
    except (NotQuantizableError, OSError) as problem:
        sys.exit(f"{problem}")
