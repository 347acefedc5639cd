"""A model on ONNX Runtime: an encoder with pooling, or a cross-encoder.

Texts run one after another. On a processor that is as fast as many at once, for there is no padding; the vector of a
text does not depend on its company; and a question waits for one passage at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from services.llm.adapters.local.folders import ModelFolder
from services.llm.adapters.local.frames import Ask, Reply
from services.llm.domain.batching import Text
from services.llm.values.local import Task

FloatArray = NDArray[np.float32]

_INPUTS: Final = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
"""What a model may ask for, and what the tokenizer calls it."""
_ERRORS_ONLY: Final = 3


class OnnxModel:
    """A loaded model."""

    def __init__(self, folder: Path, task: Task, threads: int) -> None:
        settings = ModelFolder(folder)
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(settings.most_tokens)
        self._tokenizer.no_padding()
        self._prompts = settings.prompts if task is Task.EMBED else {}
        self._session = onnxruntime.InferenceSession(
            str(settings.onnx_file), _options(threads), providers=["CPUExecutionProvider"]
        )
        self._inputs = [one.name for one in self._session.get_inputs()]
        if unknown := set(self._inputs) - set(_INPUTS):
            raise ValueError(f"{settings.onnx_file} asks for {', '.join(sorted(unknown))}")
        self._output = _output([one.name for one in self._session.get_outputs()])
        self._finish = _vector(settings.pooling) if task is Task.EMBED else _score(settings.activated)

    def encode(self, ask: Ask, pause: Callable[[], None]) -> Reply:
        """Return a row for each text."""
        prompt = self._prompts.get(ask.kind) or ""
        rows, tokens = [], 0
        for text in ask.texts:
            pause()
            encoding = self._tokens(text, prompt)
            tokens += len(encoding.ids)
            rows.append(self._finish(self._run(encoding)))
        return Reply(kind=ask.kind, data=np.stack(rows).astype("<f4").tobytes(), tokens=tokens)

    def _tokens(self, text: Text, prompt: str) -> Encoding:
        parts = (prompt + text,) if isinstance(text, str) else text
        encoding: Encoding = self._tokenizer.encode(*parts)
        return encoding

    def _run(self, encoding: Encoding) -> FloatArray:
        feeds = {name: np.array([getattr(encoding, _INPUTS[name])], np.int64) for name in self._inputs}
        (result,) = self._session.run([self._output], feeds)
        states: FloatArray = result[0]
        return states


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for one another by spinning take the core from whoever shares it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # What the longest text once needed is not kept.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = _ERRORS_ONLY
    return options


def _output(names: Sequence[str]) -> str:
    """Return the output to take: the finished vector of a text, the scores of a pair, or the states of the tokens."""
    return next((name for name in ("sentence_embedding", "logits") if name in names), names[0])


def _vector(pooling: str) -> Callable[[FloatArray], FloatArray]:
    """Return what makes a unit vector of the states of tokens (tokens by hidden), or of a vector that is pooled."""

    def finish(states: FloatArray) -> FloatArray:
        if states.ndim == 1:
            vector = states
        elif pooling == "cls":
            vector = states[0]
        else:
            vector = states.max(axis=0) if pooling == "max" else states.mean(axis=0)
        unit: FloatArray = vector / max(float(np.linalg.norm(vector)), 1e-12)
        return unit

    return finish


def _score(activated: bool) -> Callable[[FloatArray], FloatArray]:
    """Return what makes a score of the logits of a pair."""

    def finish(logits: FloatArray) -> FloatArray:
        if logits.shape != (1,):
            raise ValueError(f"a reranker has one score for a pair, not {logits.size}")
        return (1 / (1 + np.exp(-logits))).astype(np.float32) if activated else logits

    return finish
