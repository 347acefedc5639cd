"""A model of sentence-transformers on torch, on a GPU where there is one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from transformers.utils.logging import disable_progress_bar

from services.llm.adapters.local.frames import Ask, Reply
from services.llm.values.local import Task


class TorchModel:
    """A loaded model; between two of its layers it pauses."""

    def __init__(self, folder: Path, task: Task, threads: int) -> None:
        disable_progress_bar()
        torch.set_num_threads(threads)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        kind = SentenceTransformer if task is Task.EMBED else CrossEncoder
        self._model: Any = kind(str(folder), device=device, local_files_only=True)
        self._model.eval()
        if task is Task.RERANK and self._model.num_labels != 1:
            raise ValueError(f"a reranker has one score for a pair, not {self._model.num_labels}")
        self._rows = self._vectors if task is Task.EMBED else self._scores
        self._pauses: list[Callable[[], None]] = []
        for layers in self._model.modules():
            for layer in layers if isinstance(layers, torch.nn.ModuleList) else ():
                layer.register_forward_pre_hook(lambda *_: self._pauses[-1]())

    def encode(self, ask: Ask, pause: Callable[[], None]) -> Reply:
        """Return a row for each text."""
        with torch.inference_mode(), self._pausing(pause):
            rows, tokens = self._rows(ask)
        return Reply(kind=ask.kind, data=rows.astype("<f4").tobytes(), tokens=tokens)

    def _vectors(self, ask: Ask) -> tuple[Any, int]:
        prompt = self._model.prompts.get(ask.kind) or ""
        features = self._model.preprocess([f"{prompt}{text}" for text in ask.texts])
        tokens = int(features["attention_mask"].sum())
        features = {name: one.to(self._model.device) for name, one in features.items() if hasattr(one, "to")}
        vectors = torch.nn.functional.normalize(self._model(features)["sentence_embedding"].float(), dim=1)
        return vectors.cpu().numpy(), tokens

    def _scores(self, ask: Ask) -> tuple[Any, int]:
        pairs = [tuple(text) for text in ask.texts]
        tokens = sum(map(len, self._model.tokenizer(pairs, truncation=True)["input_ids"]))
        return self._model.predict(pairs, batch_size=len(pairs), show_progress_bar=False), tokens

    @contextlib.contextmanager
    def _pausing(self, pause: Callable[[], None]) -> Iterator[None]:
        self._pauses.append(pause)
        try:
            yield
        finally:
            self._pauses.pop()
