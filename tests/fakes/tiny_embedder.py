"""A sentence-transformers model of random weights, made in seconds: `python -m tests.fakes.tiny_embedder FOLDER`.

Its vectors mean nothing, but everything around them is real: tokenizer, limit of 64 tokens, prompts, padding. It does
not normalize, so that a test sees who does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:;!?-'光合作用题库知识"


def build(folder: Path) -> None:
    """Writes the model into `folder`."""
    base = folder.with_name(folder.name + "-base")
    base.mkdir(parents=True)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_CHARACTERS, *(f"##{c}" for c in _CHARACTERS)]
    (base / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    BertTokenizerFast(vocab={piece: index for index, piece in enumerate(pieces)}).save_pretrained(base)
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(base)
    transformer = Transformer(str(base), max_seq_length=64)
    SentenceTransformer(
        modules=[transformer, Pooling(transformer.get_embedding_dimension())],
        prompts={"query": "query: ", "passage": "passage: "},
        device="cpu",
    ).save(str(folder))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
